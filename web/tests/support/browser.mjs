// A browser, a page, and how to read a terminal's screen.
import { existsSync } from "node:fs";
import { chromium } from "playwright-core";

const candidates = [process.env.SLIPWAY_CHROMIUM, "/usr/bin/chromium", "/usr/bin/chromium-browser", "/usr/bin/google-chrome"];

export async function launch() {
  const executablePath = candidates.find((path) => path && existsSync(path));
  if (!executablePath) throw new Error("no Chromium found: install it (apt-get install chromium), or name it in SLIPWAY_CHROMIUM");
  return chromium.launch({
    executablePath,
    headless: true,
    args: [
      "--no-sandbox",
      "--disable-gpu",
      "--disable-quic",
      "--no-first-run",
      "--disable-background-networking",
      "--disable-component-update",
      "--disable-sync",
    ],
  });
}

/** The text of a terminal, scrollback included, with lines that were wrapped joined again. */
export function screen(page, index = 0) {
  return page.evaluate((index) => {
    const buffer = window.slipwayTerminals?.[index]?.buffer.active;
    if (!buffer) return "";
    let text = "";
    for (let line = 0; line < buffer.length; line += 1) {
      const row = buffer.getLine(line);
      if (line > 0 && !row.isWrapped) text += "\n";
      const next = buffer.getLine(line + 1);
      text += row.translateToString(!next?.isWrapped);
    }
    return text.trimEnd();
  }, index);
}

/** Waits until the terminal shows what the pattern says, and gives the whole text. */
export async function shows(page, pattern, { timeout = 30_000, index = 0 } = {}) {
  const until = Date.now() + timeout;
  for (;;) {
    const text = await screen(page, index);
    if (pattern.test(text)) return text;
    if (Date.now() > until) {
      throw new Error(`after ${timeout} ms the terminal does not show ${pattern}; it shows:\n${text.slice(-2000)}`);
    }
    await new Promise((done) => setTimeout(done, 50));
  }
}

/** Waits until `probe` gives something true. */
export async function until(probe, what, timeout = 30_000) {
  const end = Date.now() + timeout;
  for (;;) {
    const value = await probe();
    if (value) return value;
    if (Date.now() > end) throw new Error(`after ${timeout} ms still not: ${what}`);
    await new Promise((done) => setTimeout(done, 20));
  }
}

/** The connection's state as the header shows it. */
export function connection(page) {
  return page.locator(".chip-state").textContent();
}
