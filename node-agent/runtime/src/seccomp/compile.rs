//! The compiler from rules to classic BPF: per architecture a binary search over ranges of numbers with the same answer. Pure.

use std::collections::BTreeMap;

use libc::sock_filter;
use oci_spec::runtime::{LinuxSeccompArg, LinuxSeccompOperator as Op};

use crate::error::{Error, Result};

/// One system call with the tests of its arguments (all must hold), and the filter's answer then.
pub(super) struct Rule<'a> {
    pub(super) name: &'a str,
    pub(super) args: Vec<LinuxSeccompArg>,
    pub(super) action: u32,
}

/// An architecture's AUDIT_ARCH number and system calls.
pub(super) struct Architecture {
    pub(super) audit: u32,
    pub(super) table: &'static [(&'static str, u32)],
    /// Numbers from 0x4000_0000 on are the x32 ABI's, which distributions' kernels no longer have.
    pub(super) has_x32: bool,
}

const LD: u16 = 0x20;
const AND: u16 = 0x54;
const JA: u16 = 0x05;
const JEQ: u16 = 0x15;
const JGT: u16 = 0x25;
const JGE: u16 = 0x35;
const RET: u16 = 0x06;
const ENOSYS: u32 = libc::SECCOMP_RET_ERRNO | libc::ENOSYS as u32;
const X32: u32 = 0x4000_0000;
/// Stands for "to the end of this rule" until the rule's length is known.
const FAIL: u8 = u8::MAX;

fn statement(code: u16, k: u32) -> sock_filter {
    sock_filter { code, jt: 0, jf: 0, k }
}

fn jump(code: u16, k: u32, jt: u8, jf: u8) -> sock_filter {
    sock_filter { code, jt, jf, k }
}

/// The whole program.
pub(super) fn program(
    rules: &[Rule<'_>],
    default: u32,
    unknown_is_enosys: bool,
    architectures: &[Architecture],
) -> Result<Vec<sock_filter>> {
    let mut code = vec![statement(LD, 4)];
    for architecture in architectures {
        let section = section(rules, default, unknown_is_enosys, architecture)?;
        code.push(jump(JEQ, architecture.audit, 1, 0));
        code.push(statement(JA, section.len() as u32));
        code.extend(section);
    }
    code.push(statement(RET, libc::SECCOMP_RET_KILL_PROCESS));
    if code.len() > 4096 {
        return Err(Error::Spec(format!(
            "the seccomp profile needs {} instructions, the kernel takes 4096: shorten it",
            code.len()
        )));
    }
    Ok(code)
}

/// What the filter does with one number.
#[derive(Clone)]
enum Answer {
    Always(u32),
    Tests(Vec<sock_filter>),
}

fn section(
    rules: &[Rule<'_>],
    default: u32,
    unknown_is_enosys: bool,
    architecture: &Architecture,
) -> Result<Vec<sock_filter>> {
    let mut by_number: BTreeMap<u32, Vec<&Rule<'_>>> = BTreeMap::new();
    for rule in rules {
        if let Ok(i) = architecture.table.binary_search_by(|entry| entry.0.cmp(rule.name)) {
            by_number.entry(architecture.table[i].1).or_default().push(rule);
        }
    }
    let newest = by_number.keys().next_back().copied();
    // Ranges as (first number, answer); each reaches to the next one's first.
    let mut ranges: Vec<(u32, Answer)> = vec![(0, Answer::Always(default))];
    let push = |ranges: &mut Vec<(u32, Answer)>, first: u32, answer: Answer| match (ranges.last_mut(), &answer) {
        (Some((start, last)), _) if *start == first => *last = answer,
        (Some((_, Answer::Always(a))), Answer::Always(b)) if a == b => {}
        _ => ranges.push((first, answer)),
    };
    for (number, rules) in by_number {
        push(&mut ranges, number, answer(&rules, default)?);
        push(&mut ranges, number + 1, Answer::Always(default));
    }
    if let Some(newest) = newest.filter(|_| unknown_is_enosys) {
        push(&mut ranges, newest + 1, Answer::Always(ENOSYS));
    }
    if architecture.has_x32 {
        push(&mut ranges, X32, Answer::Always(ENOSYS));
    }
    let mut code = vec![statement(LD, 0)];
    search(&ranges, &mut code);
    Ok(code)
}

fn search(ranges: &[(u32, Answer)], code: &mut Vec<sock_filter>) {
    match ranges {
        [] => {}
        [(_, Answer::Always(action))] => code.push(statement(RET, *action)),
        [(_, Answer::Tests(tests))] => code.extend(tests),
        _ => {
            let (low, high) = ranges.split_at(ranges.len() / 2);
            let mut below = Vec::new();
            search(low, &mut below);
            code.push(jump(JGE, high[0].0, 0, 1));
            code.push(statement(JA, below.len() as u32));
            code.extend(below);
            search(high, code);
        }
    }
}

fn answer(rules: &[&Rule<'_>], default: u32) -> Result<Answer> {
    // A rule without tests covers all those with tests, whatever their order (as libseccomp has it).
    if let Some(rule) = rules.iter().find(|r| r.args.is_empty()) {
        return Ok(Answer::Always(rule.action));
    }
    let mut code = Vec::new();
    for rule in rules {
        let mut block = Vec::new();
        for arg in &rule.args {
            test(arg, &mut block)?;
        }
        block.push(statement(RET, rule.action));
        let length = block.len();
        for (i, instruction) in block.iter_mut().enumerate() {
            let to_end = u8::try_from(length - i - 1)
                .map_err(|_| Error::Spec(format!("seccomp rule for {} has too many tests", rule.name)))?;
            if matches!(instruction.code, JEQ | JGT | JGE) {
                for target in [&mut instruction.jt, &mut instruction.jf] {
                    if *target == FAIL {
                        *target = to_end;
                    }
                }
            }
        }
        code.extend(block);
    }
    code.push(statement(RET, default));
    Ok(Answer::Tests(code))
}

/// Falls through when the test holds, jumps to FAIL when not. Arguments are compared in two halves.
fn test(arg: &LinuxSeccompArg, code: &mut Vec<sock_filter>) -> Result<()> {
    if arg.index() > 5 {
        return Err(Error::Spec(format!("seccomp argument index {} is beyond 5, the last one", arg.index())));
    }
    let offset = 16 + 8 * arg.index() as u32;
    let (low, high) = (statement(LD, offset), statement(LD, offset + 4));
    let halves = |v: u64| (v as u32, (v >> 32) as u32);
    let (value_low, value_high) = halves(arg.value());
    match arg.op() {
        Op::ScmpCmpEq => code.extend([high, jump(JEQ, value_high, 0, FAIL), low, jump(JEQ, value_low, 0, FAIL)]),
        Op::ScmpCmpNe => code.extend([high, jump(JEQ, value_high, 0, 2), low, jump(JEQ, value_low, FAIL, 0)]),
        Op::ScmpCmpMaskedEq => {
            let (wanted_low, wanted_high) = halves(arg.value_two().unwrap_or(0));
            code.extend([high, statement(AND, value_high), jump(JEQ, wanted_high, 0, FAIL)]);
            code.extend([low, statement(AND, value_low), jump(JEQ, wanted_low, 0, FAIL)]);
        }
        Op::ScmpCmpGt | Op::ScmpCmpGe => {
            let last = if arg.op() == Op::ScmpCmpGt { JGT } else { JGE };
            code.extend([
                high,
                jump(JGT, value_high, 3, 0),
                jump(JEQ, value_high, 0, FAIL),
                low,
                jump(last, value_low, 0, FAIL),
            ]);
        }
        Op::ScmpCmpLt | Op::ScmpCmpLe => {
            let last = if arg.op() == Op::ScmpCmpLt { JGE } else { JGT };
            code.extend([
                high,
                jump(JGT, value_high, FAIL, 0),
                jump(JEQ, value_high, 0, 2),
                low,
                jump(last, value_low, FAIL, 0),
            ]);
        }
    }
    Ok(())
}

#[cfg(test)]
pub(super) mod tests {
    use super::*;

    /// Runs a program as the kernel does.
    pub(in crate::seccomp) fn run(code: &[sock_filter], arch: u32, nr: u32, args: [u64; 6]) -> u32 {
        let mut data = vec![nr, arch, 0, 0];
        data.extend(args.iter().flat_map(|a| [*a as u32, (*a >> 32) as u32]));
        let (mut a, mut pc) = (0u32, 0usize);
        loop {
            let i = code[pc];
            pc += 1;
            let mut branch = |holds: bool| pc += usize::from(if holds { i.jt } else { i.jf });
            match i.code {
                LD => a = data[i.k as usize / 4],
                AND => a &= i.k,
                JA => pc += i.k as usize,
                JEQ => branch(a == i.k),
                JGT => branch(a > i.k),
                JGE => branch(a >= i.k),
                RET => return i.k,
                other => panic!("opcode {other:#x}"),
            }
        }
    }

    const TABLE: &[(&str, u32)] = &[("close", 3), ("read", 0), ("socket", 41), ("write", 1)];
    const ALLOW: u32 = libc::SECCOMP_RET_ALLOW;
    const DENY: u32 = libc::SECCOMP_RET_ERRNO | 1;

    fn arg(index: usize, op: Op, value: u64, two: Option<u64>) -> LinuxSeccompArg {
        let mut json = serde_json::json!({"index": index, "value": value, "op": op});
        if let Some(two) = two {
            json["valueTwo"] = two.into();
        }
        serde_json::from_value(json).unwrap()
    }

    fn decide(rules: &[Rule<'_>], nr: u32, first: u64) -> u32 {
        let code = program(rules, DENY, true, &[Architecture { audit: 7, table: TABLE, has_x32: true }]).unwrap();
        run(&code, 7, nr, [first, 0, 0, 0, 0, 0])
    }

    #[test]
    fn numbers_get_their_rules_answer_and_newer_ones_enosys() {
        let rules =
            [Rule { name: "read", args: vec![], action: ALLOW }, Rule { name: "socket", args: vec![], action: ALLOW }];
        assert_eq!(decide(&rules, 0, 0), ALLOW);
        assert_eq!(decide(&rules, 1, 0), DENY);
        assert_eq!(decide(&rules, 41, 0), ALLOW);
        assert_eq!(decide(&rules, 42, 0), ENOSYS);
        assert_eq!(decide(&rules, X32 | 1, 0), ENOSYS);
        let code = program(&rules, DENY, true, &[Architecture { audit: 7, table: TABLE, has_x32: false }]).unwrap();
        assert_eq!(run(&code, 8, 0, [0; 6]), libc::SECCOMP_RET_KILL_PROCESS);
    }

    #[test]
    fn every_operator_compares_64_bits() {
        const BIG: u64 = 0x1_0000_0005;
        let values = [0, 4, 5, 6, BIG - 1, BIG, BIG + 1, u64::MAX];
        type Expect = fn(u64) -> bool;
        let cases: [(Op, Expect); 6] = [
            (Op::ScmpCmpEq, |v| v == BIG),
            (Op::ScmpCmpNe, |v| v != BIG),
            (Op::ScmpCmpGt, |v| v > BIG),
            (Op::ScmpCmpGe, |v| v >= BIG),
            (Op::ScmpCmpLt, |v| v < BIG),
            (Op::ScmpCmpLe, |v| v <= BIG),
        ];
        for (op, expect) in cases {
            let rules = [Rule { name: "socket", args: vec![arg(0, op, BIG, None)], action: ALLOW }];
            for value in values {
                assert_eq!(decide(&rules, 41, value) == ALLOW, expect(value), "{op:?} {value:#x}");
            }
        }
        let rules = [Rule {
            name: "socket",
            args: vec![arg(0, Op::ScmpCmpMaskedEq, 0xff00_0000_00f0, Some(0x10))],
            action: ALLOW,
        }];
        assert_eq!(decide(&rules, 41, 0x1f), ALLOW);
        assert_eq!(decide(&rules, 41, 0x100_0000_0010), DENY);
    }

    #[test]
    fn the_first_rule_whose_tests_hold_decides_and_one_without_tests_covers_all() {
        let tested = |v, action| Rule { name: "socket", args: vec![arg(0, Op::ScmpCmpEq, v, None)], action };
        let rules = [tested(1, ALLOW), tested(2, ENOSYS)];
        assert_eq!([0, 1, 2].map(|v| decide(&rules, 41, v)), [DENY, ALLOW, ENOSYS]);
        let rules = [tested(1, ENOSYS), Rule { name: "socket", args: vec![], action: ALLOW }];
        assert_eq!(decide(&rules, 41, 1), ALLOW);
    }
}
