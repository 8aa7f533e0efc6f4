//! What the connection promises, played through without a network.

use super::*;

const ID: [u8; 16] = *b"a page's own id.";
const SIZE: Size = Size { cols: 80, rows: 24 };

fn welcome(first: u64, accepted: u64) -> Vec<u8> {
    [&[0x80][..], &first.to_be_bytes(), &accepted.to_be_bytes()].concat()
}

fn output(first: u64, bytes: &[u8]) -> Vec<u8> {
    [&[0x81][..], &first.to_be_bytes(), bytes].concat()
}

fn input_ack(count: u64) -> Vec<u8> {
    [&[0x82][..], &count.to_be_bytes()].concat()
}

fn exit(code: i32) -> Vec<u8> {
    [&[0x83][..], &code.to_be_bytes()].concat()
}

fn hello(next: u64) -> Action {
    let request = Request::Hello { next, client: ID, size: SIZE };
    Action::Send(request.encode())
}

fn input(first: u64, bytes: &[u8]) -> Action {
    Action::Send(Request::Input { first, bytes }.encode())
}

fn ack(count: u64) -> Action {
    Action::Send(Request::Ack(count).encode())
}

fn position(action: &Action) -> Position {
    match action {
        Action::Write { upto, .. } => *upto,
        other => panic!("expected a write, found {other:?}"),
    }
}

/// A client whose terminal is new and empty.
fn live() -> Client {
    let mut client = Client::new(ID, SIZE);
    client.start();
    assert_eq!(client.opened(0.0), [hello(EVERYTHING)]);
    assert_eq!(client.frame(&welcome(0, 0), 0.0), [Action::Status(Status::Connected)]);
    client
}

#[test]
fn keys_typed_before_the_welcome_are_sent_after_it() {
    let mut client = Client::new(ID, SIZE);
    client.start();
    assert_eq!(client.input(b"ls", 0.0), []);
    client.opened(0.0);
    assert_eq!(client.input(b"\r", 0.0), []);
    assert_eq!(client.frame(&welcome(0, 0), 0.0), [Action::Status(Status::Connected), input(0, b"ls\r")]);
}

#[test]
fn only_what_the_server_lacks_is_sent_again() {
    let mut client = live();
    assert_eq!(client.input(b"abc", 0.0), [input(0, b"abc")]);
    assert_eq!(client.input(b"def", 0.0), [input(3, b"def")]);
    client.frame(&input_ack(3), 0.0);
    client.closed();
    client.input(b"g", 0.0);
    assert_eq!(client.opened(0.0), [hello(0)]);
    // It had taken "d" before the cut, but its acknowledgement was lost.
    assert_eq!(client.frame(&welcome(0, 4), 0.0), [Action::Status(Status::Connected), input(4, b"efg")]);
}

#[test]
fn a_click_whose_bytes_arrived_is_not_repeated() {
    let mut client = live();
    client.input(b"docker ps\r", 0.0);
    client.closed();
    client.opened(0.0);
    assert_eq!(client.frame(&welcome(0, 10), 0.0), [Action::Status(Status::Connected)]);
}

#[test]
fn after_a_cut_the_missing_output_is_asked_for_by_number() {
    let mut client = live();
    let first = client.frame(&output(0, b"caf\xc3"), 0.0);
    client.parsed(position(&first[0]));
    client.closed();
    assert_eq!(client.opened(0.0), [hello(4)]);
    client.frame(&welcome(4, 0), 0.0);
    let second = client.frame(&output(4, b"\xa9"), 0.0);
    assert!(matches!(&second[0], Action::Write { bytes, .. } if bytes == b"\xa9"));
}

#[test]
fn output_that_was_seen_is_not_written_twice() {
    let mut client = live();
    client.frame(&output(0, b"hello"), 0.0);
    assert_eq!(client.frame(&output(2, b"llo"), 0.0), []);
    let rest = client.frame(&output(3, b"lo world"), 0.0);
    assert!(matches!(&rest[0], Action::Write { bytes, .. } if bytes == b" world"));
}

#[test]
fn a_ring_that_has_moved_on_is_admitted() {
    let mut client = live();
    client.frame(&output(0, b"1234"), 0.0);
    client.closed();
    client.opened(0.0);
    let actions = client.frame(&welcome(1000, 0), 0.0);
    assert_eq!(actions[0], Action::Notice(Notice::Gap(996)));
}

#[test]
fn output_is_acknowledged_in_steps_and_at_rest() {
    let mut client = live();
    let step = usize::try_from(ACK_STEP).expect("small");
    let one = client.frame(&output(0, &vec![b'x'; step]), 0.0);
    let two = client.frame(&output(ACK_STEP, b"tail"), 0.0);
    assert_eq!(client.parsed(position(&one[0])), [ack(ACK_STEP)]);
    assert_eq!(client.parsed(position(&two[0])), [ack(ACK_STEP + 4)]);
}

#[test]
fn small_output_waits_for_rest_before_it_is_acknowledged() {
    let mut client = live();
    let one = client.frame(&output(0, b"x"), 0.0);
    let two = client.frame(&output(1, b"y"), 0.0);
    assert_eq!(client.parsed(position(&one[0])), []);
    assert_eq!(client.parsed(position(&two[0])), [ack(2)]);
}

#[test]
fn only_a_former_pages_output_is_a_replay() {
    let mut client = Client::new(ID, SIZE);
    client.opened(0.0);
    client.frame(&welcome(0, 0), 0.0);
    let old = client.frame(&output(0, b"\x1b[6n"), 0.0);
    assert!(matches!(&old[0], Action::Write { replay: true, .. }));
    client.parsed(position(&old[0]));
    let new = client.frame(&output(4, b"\x1b[6n"), 0.0);
    assert!(matches!(&new[0], Action::Write { replay: false, .. }));
    client.closed();
    client.opened(0.0);
    client.frame(&welcome(8, 0), 0.0);
    let missed = client.frame(&output(8, b"\x1b[6n"), 0.0);
    assert!(matches!(&missed[0], Action::Write { replay: false, .. }));
}

#[test]
fn after_an_exit_only_enter_speaks_and_asks_for_a_new_shell() {
    let mut client = live();
    client.frame(&output(0, b"logout"), 0.0);
    client.input(b"typed ahead", 0.0);
    assert_eq!(client.frame(&exit(3), 0.0), [Action::Notice(Notice::Exit(3)), Action::Status(Status::Exited)]);
    assert_eq!(client.input(b"x", 0.0), []);
    assert_eq!(client.input(b"\r", 0.0), [Action::Status(Status::Connecting), hello(6)]);
    // The new shell counts from the start, and what was typed for the old one is gone.
    assert_eq!(client.frame(&welcome(0, 0), 0.0), [Action::Status(Status::Connected)]);
    let prompt = client.frame(&output(0, b"$ "), 0.0);
    assert_eq!(client.parsed(position(&prompt[0])), [ack(2)]);
}

#[test]
fn after_an_exit_a_closed_connection_stays_closed_until_enter() {
    let mut client = live();
    client.frame(&exit(0), 0.0);
    assert_eq!(client.closed(), []);
    assert_eq!(client.online(), []);
    assert_eq!(client.input(b"\r", 0.0), [Action::Status(Status::Connecting), Action::Connect { after: 0 }]);
}

#[test]
fn a_lost_shell_gets_none_of_the_input_meant_for_it() {
    let mut client = live();
    let old = client.frame(&output(0, b"0123456789"), 0.0);
    client.input(b"rm -r build\r", 0.0);
    client.closed();
    client.opened(0.0);
    assert_eq!(client.frame(&welcome(0, 0), 0.0), [Action::Notice(Notice::Fresh), Action::Status(Status::Connected)]);
    // xterm finishes the old shell's bytes late: they say nothing about the new one's.
    assert_eq!(client.parsed(position(&old[0])), []);
    assert_eq!(client.input(b"ls\r", 0.0), [input(0, b"ls\r")]);
}

#[test]
fn attempts_come_at_once_then_ever_more_slowly() {
    let mut client = live();
    let waits: Vec<u32> = (0..9)
        .filter_map(|_| {
            client.closed().into_iter().find_map(|action| match action {
                Action::Connect { after } => Some(after),
                _ => None,
            })
        })
        .collect();
    assert_eq!(waits, [0, 500, 1000, 2000, 4000, 8000, 10_000, 10_000, 10_000]);
    assert!(client.online().contains(&Action::Connect { after: 0 }));
}

#[test]
fn silence_after_input_means_a_dead_connection() {
    let mut client = live();
    assert_eq!(client.tick(1e9), [], "nothing was said, so nothing is due");
    client.input(b"x", 0.0);
    assert_eq!(client.tick(SILENCE_MS - 1.0), []);
    assert!(client.tick(SILENCE_MS).contains(&Action::Disconnect));
    client.opened(20_000.0);
    client.frame(&welcome(0, 1), 20_000.0);
    assert_eq!(client.tick(1e9), []);
}

#[test]
fn a_probe_without_an_answer_reconnects_and_with_one_does_not() {
    let mut client = live();
    assert_eq!(client.probe(0.0), [input(0, b"")]);
    client.frame(&input_ack(0), 10.0);
    assert_eq!(client.tick(PROBE_MS), []);
    client.probe(10_000.0);
    assert!(client.tick(10_000.0 + PROBE_MS).contains(&Action::Disconnect));
}

#[test]
fn a_resize_to_nothing_is_not_sent() {
    let mut client = live();
    assert_eq!(client.resize(Size { cols: 0, rows: 24 }), []);
    assert_eq!(client.resize(SIZE), []);
    let other = Size { cols: 100, rows: 30 };
    assert_eq!(client.resize(other), [Action::Send(Request::Resize(other).encode())]);
}

#[test]
fn a_huge_paste_is_cut_into_frames_and_an_endless_one_refused() {
    let mut client = live();
    let frames = client.input(&vec![b'p'; INPUT_CHUNK + 1], 0.0);
    assert_eq!(frames.len(), 2);
    assert_eq!(frames[1], input(INPUT_CHUNK as u64, b"p"));
    assert_eq!(client.input(&vec![b'p'; MAX_UNACKED], 0.0), [Action::Notice(Notice::InputRefused(MAX_UNACKED))]);
}

#[test]
fn refused_input_is_dropped_and_what_is_typed_later_is_not() {
    let mut client = live();
    client.input(b"taken", 0.0);
    client.input(b"refused", 0.0);
    let actions = client.frame(b"\x84too much waits", 0.0);
    assert_eq!(actions, [Action::Notice(Notice::Error("too much waits".into())), hello(0)]);
    assert_eq!(client.input(b"later", 0.0), []);
    assert_eq!(client.frame(&welcome(0, 5), 0.0), [Action::Status(Status::Connected), input(5, b"later")]);
}

#[test]
fn an_error_without_input_under_way_is_only_told() {
    let mut client = live();
    assert_eq!(client.frame(b"\x84no", 0.0), [Action::Notice(Notice::Error("no".into()))]);
}

#[test]
fn an_unknown_frame_becomes_a_sentence() {
    let mut client = live();
    let actions = client.frame(&[0x99, 1], 0.0);
    assert!(matches!(&actions[0], Action::Notice(Notice::Error(text)) if text.contains("0x99")), "{actions:?}");
}
