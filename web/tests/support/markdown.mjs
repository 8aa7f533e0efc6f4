// Enough Markdown for the labs of this repository when they are looked at without the real server, which has the real renderer.
const escape = (text) => text.replace(/&/g, "&amp;").replace(/</g, "&lt;").replace(/>/g, "&gt;");

const inline = (text) =>
  escape(text)
    .replace(/`([^`]+)`/g, "<code>$1</code>")
    .replace(/\*\*([^*]+)\*\*/g, "<strong>$1</strong>")
    .replace(/(?<!\*)\*([^*]+)\*(?!\*)/g, "<em>$1</em>")
    .replace(/\[([^\]]+)\]\(([^)]+)\)/g, '<a href="$2">$1</a>');

function paragraph(text) {
  const lines = text.split("\n");
  const heading = /^(#{1,4}) (.*)$/.exec(text);
  if (heading) return `<h${heading[1].length}>${inline(heading[2])}</h${heading[1].length}>`;
  if (lines[0].startsWith("- ")) {
    const items = text.slice(2).split(/\n- /);
    return `<ul>${items.map((item) => `<li>${inline(item)}</li>`).join("")}</ul>`;
  }
  if (lines[0].startsWith("|")) {
    const rows = lines.filter((line) => !/^\|[-: |]+\|$/.test(line)).map((line) => line.slice(1, -1).split("|"));
    const row = (cells, tag) => `<tr>${cells.map((cell) => `<${tag}>${inline(cell.trim())}</${tag}>`).join("")}</tr>`;
    return `<table>${rows.map((cells, index) => row(cells, index === 0 ? "th" : "td")).join("")}</table>`;
  }
  return `<p>${inline(text)}</p>`;
}

/** A lab's file as the API gives it: front matter read, run blocks marked. */
export function lab(slug, source) {
  const [, head, body] = /^---\n(.*?)\n---\n(.*)$/s.exec(source);
  const front = Object.fromEntries(
    head.split("\n").map((line) => {
      const [, name, value] = /^(\w+): *(.*)$/.exec(line);
      return [name, value.replace(/^"|"$/g, "")];
    }),
  );
  const tags = front.tags?.replace(/[[\]]/g, "").split(", ") ?? [];
  const html = body
    .split(/^(```.*?^```)$/ms)
    .map((part) => {
      const fence = /^```(\S*)\n(.*)```$/s.exec(part);
      if (!fence) return part.trim().split(/\n{2,}/).filter(Boolean).map(paragraph).join("\n");
      const term = /^\.(term\d+)$/.exec(fence[1]);
      const attributes = term ? ` class="run" data-term="${term[1]}"` : "";
      return `<pre${attributes}><code>${escape(fence[2])}</code></pre>`;
    })
    .join("\n");
  return { slug, title: front.title, description: front.description, tags, categories: front.categories ?? null, terms: 1, html };
}
