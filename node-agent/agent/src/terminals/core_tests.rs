//! What the terminal's core promises, event by event.

use super::*;

const A: ViewerId = ViewerId(1);
const B: ViewerId = ViewerId(2);
const PAGE: PageId = [1; 16];

fn size(columns: u16, rows: u16) -> Size {
    Size { columns, rows }
}

fn drain(core: &mut Core, viewer: ViewerId) -> Vec<u8> {
    let mut all = Vec::new();
    while let Some((first, bytes)) = core.next_output(viewer) {
        core.ack(viewer, first + bytes.len() as u64);
        all.extend(bytes);
    }
    all
}

#[test]
fn a_page_that_comes_back_gets_exactly_what_it_has_not_seen() {
    let mut core = Core::new(size(80, 24));
    assert_eq!(core.connect(A, PAGE, None, None), (0, 0));
    core.output("schön".as_bytes());
    assert_eq!(core.next_output(A), Some((0, "schön".as_bytes().to_vec())));
    core.ack(A, 4);
    core.disconnect(A);
    core.output(b" again");
    assert_eq!(core.connect(B, PAGE, Some(4), None), (4, 0));
    assert_eq!(drain(&mut core, B), &"schön again".as_bytes()[4..]);
    assert_eq!(core.next_output(B), None);
}

#[test]
fn a_new_page_gets_everything_still_in_the_ring() {
    let mut core = Core::new(size(80, 24));
    core.output(b"before anyone looked");
    assert_eq!(core.connect(A, PAGE, None, None).0, 0);
    assert_eq!(drain(&mut core, A), b"before anyone looked");
}

#[test]
fn a_page_is_told_where_output_goes_on_when_the_ring_has_moved_past_it() {
    let mut core = Core::new(size(80, 24));
    core.connect(A, PAGE, None, None);
    core.output(&vec![b'x'; RING + 10]);
    assert_eq!(core.next_output(A).map(|(first, _)| first), Some(10));
    core.disconnect(A);
    assert_eq!(core.connect(B, PAGE, Some(3), None).0, 10);
    // A number from some other terminal's life is none of this one's.
    assert_eq!(core.connect(B, PAGE, Some(u64::MAX - 1), None).0, core.end());
}

#[test]
fn input_sent_again_after_a_broken_connection_is_written_once() {
    let mut core = Core::new(size(80, 24));
    core.connect(A, PAGE, None, None);
    assert_eq!(core.input(A, 0, b"apt-get "), Ok((&b"apt-get "[..], 8)));
    core.disconnect(A);
    assert_eq!(core.connect(B, PAGE, None, None).1, 8);
    assert_eq!(core.input(B, 0, b"apt-get update\n"), Ok((&b"update\n"[..], 15)));
    assert_eq!(core.input(B, 3, b"-get"), Ok((&b""[..], 15)));
    assert_eq!(core.input(B, 16, b"x"), Err(InputGap { first: 16, accepted: 15 }));
    assert_eq!(core.input(B, 15, b"x"), Ok((&b"x"[..], 16)));
}

#[test]
fn two_pages_count_their_input_separately_and_a_stranger_has_none() {
    let mut core = Core::new(size(80, 24));
    core.connect(A, PAGE, None, None);
    core.connect(B, [2; 16], None, None);
    assert_eq!(core.input(A, 0, b"ab"), Ok((&b"ab"[..], 2)));
    assert_eq!(core.input(B, 0, b"c"), Ok((&b"c"[..], 1)));
    assert!(core.input(ViewerId(9), 0, b"d").is_err(), "no HELLO, no input");
}

#[test]
fn memory_for_pages_is_bounded_and_keeps_the_recent_ones() {
    let mut core = Core::new(size(80, 24));
    for page in 0..1000_u16 {
        let mut id = [0; 16];
        id[..2].copy_from_slice(&page.to_be_bytes());
        core.connect(A, id, None, None);
        core.input(A, 0, b"x").expect("first input");
        core.connect(B, PAGE, None, None);
        core.input(B, u64::from(page), b"y").expect("the page that keeps typing is remembered");
    }
    assert!(core.accepted.len() <= PAGES && core.heard.len() <= PAGES);
}

#[test]
fn the_pty_is_not_read_past_the_window_until_the_page_has_parsed() {
    let mut core = Core::new(size(80, 24));
    core.connect(A, PAGE, None, None);
    let mut read = 0;
    while core.may_read() > 0 {
        let most = core.may_read();
        assert!(most <= CHUNK);
        core.output(&vec![b'x'; most]);
        read += most as u64;
    }
    assert_eq!(read, WINDOW);
    let mut sent = 0;
    while let Some((first, bytes)) = core.next_output(A) {
        assert_eq!(first, sent);
        sent += bytes.len() as u64;
    }
    assert_eq!((sent, core.may_read()), (WINDOW, 0), "sending is not parsing");
    core.ack(A, 1000);
    assert_eq!(core.may_read(), 1000);
    core.ack(A, 5);
    core.ack(A, WINDOW + 1);
    assert_eq!(core.may_read(), 1000, "an old number or one never sent changes nothing");
}

#[test]
fn a_page_that_stands_still_does_not_hold_up_the_others() {
    let mut core = Core::new(size(80, 24));
    core.connect(A, PAGE, None, None);
    core.connect(B, [2; 16], None, None);
    for _ in 0..100 {
        core.output(&vec![b'x'; core.may_read()]);
        drain(&mut core, A);
    }
    assert!(core.end() > RING as u64 && core.may_read() > 0);
    let (first, _) = core.next_output(B).expect("it goes on where the ring starts");
    assert_eq!(first, core.end() - RING as u64);
}

#[test]
fn with_nobody_watching_the_program_fills_the_ring_and_then_waits() {
    let mut core = Core::new(size(80, 24));
    core.connect(A, PAGE, None, None);
    core.output(b"seen");
    drain(&mut core, A);
    core.disconnect(A);
    while core.may_read() > 0 {
        core.output(&vec![b'x'; core.may_read()]);
    }
    assert_eq!(core.end(), RING as u64 + 4);
    assert_eq!(core.connect(A, PAGE, Some(4), None).0, 4, "nothing of it was lost");
}

#[test]
fn the_smallest_viewer_sets_the_size_and_none_keeps_it() {
    let mut core = Core::new(size(80, 24));
    core.connect(A, PAGE, None, Some(size(120, 30)));
    assert_eq!(core.settle_size(), Some(size(120, 30)));
    core.connect(B, [2; 16], None, Some(size(100, 50)));
    assert_eq!(core.settle_size(), Some(size(100, 30)));
    assert_eq!(core.settle_size(), None);
    core.resize(A, size(90, 20));
    assert_eq!(core.settle_size(), Some(size(90, 20)));
    core.disconnect(A);
    assert_eq!(core.settle_size(), Some(size(100, 50)));
    core.disconnect(B);
    assert_eq!((core.settle_size(), core.size()), (None, size(100, 50)));
}
