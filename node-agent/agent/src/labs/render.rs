//! A lab's Markdown as HTML. A fence whose info string is exactly `.termN` becomes a run block, which the page types into
//! terminal N. The host's own labs are trusted like its configuration: raw HTML passes, and the page's content security policy
//! keeps scripts out.

use pulldown_cmark::{CodeBlockKind, CowStr, Event, Options, Parser, Tag, TagEnd, html};

use super::Mistake;

/// The body as HTML; `first_line` is its first line's number in the file.
pub(super) fn html(body: &str, first_line: usize, terms: u8) -> Result<String, Vec<Mistake>> {
    let options = Options::ENABLE_TABLES
        | Options::ENABLE_FOOTNOTES
        | Options::ENABLE_STRIKETHROUGH
        | Options::ENABLE_HEADING_ATTRIBUTES;
    let mut mistakes = Vec::new();
    let mut in_run_block = None;
    let mut events = Vec::new();
    for (event, place) in Parser::new_ext(body, options).into_offset_iter() {
        let line = || first_line + body[..place.start].matches('\n').count();
        match event {
            Event::Start(Tag::CodeBlock(CodeBlockKind::Fenced(info))) if info.starts_with(".term") => {
                match terminal(&info, terms) {
                    Ok(number) => in_run_block = Some((number, String::new(), line())),
                    Err(message) => {
                        mistakes.push(Mistake::at(line(), message));
                        in_run_block = Some((1, String::new(), line()));
                    }
                }
            }
            Event::Text(text) if in_run_block.is_some() => {
                if let Some((_, command, _)) = &mut in_run_block {
                    command.push_str(&text);
                }
            }
            Event::End(TagEnd::CodeBlock) if in_run_block.is_some() => {
                let Some((number, command, line)) = in_run_block.take() else { continue };
                if command.trim().is_empty() {
                    mistakes.push(Mistake::at(line, "this run block is empty: write the command in it, or remove it"));
                }
                events.push(Event::Html(CowStr::from(run_block(number, &command))));
            }
            other => events.push(other),
        }
    }
    if !mistakes.is_empty() {
        return Err(mistakes);
    }
    let mut out = String::with_capacity(body.len() * 3 / 2);
    html::push_html(&mut out, events.into_iter());
    Ok(out)
}

fn terminal(info: &str, terms: u8) -> Result<u8, String> {
    let number: u8 = info[".term".len()..]
        .parse()
        .ok()
        .filter(|number| *number > 0)
        .ok_or_else(|| format!("`{info}` names no terminal: write .term1, .term2, …"))?;
    if number > terms {
        return Err(format!(
            "this block types into `{info}`, but the lab has {terms} terminal(s): set `terms: {number}` in the front matter"
        ));
    }
    Ok(number)
}

fn run_block(number: u8, command: &str) -> String {
    let mut escaped = String::with_capacity(command.len() + 16);
    for character in command.trim_end_matches('\n').chars() {
        match character {
            '&' => escaped.push_str("&amp;"),
            '<' => escaped.push_str("&lt;"),
            '>' => escaped.push_str("&gt;"),
            '"' => escaped.push_str("&quot;"),
            other => escaped.push(other),
        }
    }
    format!("<pre class=\"run\" data-term=\"term{number}\"><code>{escaped}</code></pre>\n")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_term_fence_becomes_a_run_block_and_other_fences_stay_code() {
        let body = "Text *here*\n\n```.term1\necho \"a\" && cat <b\nls\n```\n\n```dockerfile\nFROM x\n```\n";
        let html = html(body, 10, 1).expect("no mistakes");
        assert!(html.contains("<em>here</em>"), "{html}");
        let run =
            "<pre class=\"run\" data-term=\"term1\"><code>echo &quot;a&quot; &amp;&amp; cat &lt;b\nls</code></pre>";
        assert!(html.contains(run), "{html}");
        assert!(html.contains("<code class=\"language-dockerfile\">FROM x"), "{html}");
        assert_eq!(html.matches("data-term").count(), 1);
    }

    #[test]
    fn run_blocks_inside_lists_and_tables_elsewhere_work() {
        let html = html("1. First\n\n   ```.term2\n   ls\n   ```\n\n|a|b|\n|-|-|\n|1|2|\n", 1, 2).expect("no mistakes");
        assert!(html.contains("data-term=\"term2\"><code>ls</code>"), "{html}");
        assert!(html.contains("<table>"), "{html}");
    }

    #[test]
    fn every_mistake_is_told_with_its_line() {
        let body = "x\n\n```.term2\nls\n```\n\n```.term1\n```\n\n```.termx\nls\n```\n";
        let mistakes = html(body, 5, 1).expect_err("three mistakes");
        let told: Vec<(Option<usize>, bool)> = mistakes
            .iter()
            .zip(["set `terms: 2`", "is empty", "names no terminal"])
            .map(|(mistake, word)| (mistake.line, mistake.message.contains(word)))
            .collect();
        assert_eq!(told, [(Some(7), true), (Some(11), true), (Some(14), true)], "{mistakes:?}");
    }
}
