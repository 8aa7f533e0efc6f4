// Gives a terminal of the fake server a real shell of this machine.
import { spawn } from "node:child_process";
import path from "node:path";
import { fileURLToPath } from "node:url";

const here = path.dirname(fileURLToPath(import.meta.url));

export function shell(terminal) {
  const start = () => {
    const child = spawn("python3", [path.join(here, "shell-pty.py"), "--rcfile", path.join(here, "shell.bashrc")], {
      env: { ...process.env, TERM: "xterm-256color" },
      stdio: ["pipe", "pipe", "inherit", "pipe"],
    });
    child.stdio[3].on("error", () => {}); // The shell is gone, and nobody is left to be told a size.
    const resize = (cols, rows) => child.stdio[3].write(`${cols} ${rows}\n`);
    terminal.onInput((bytes) => {
      if (bytes.includes(3)) terminal.flush();
      child.stdin.write(bytes);
    });
    terminal.onResize = resize;
    if (terminal.sizes.length > 0) resize(...terminal.sizes.at(-1));
    child.stdout.on("data", (data) => {
      terminal.write(data);
      // What a real server does by not reading.
      if (terminal.waiting > 1024 * 1024) {
        child.stdout.pause();
        const timer = setInterval(() => {
          if (terminal.waiting < 64 * 1024) {
            clearInterval(timer);
            child.stdout.resume();
          }
        }, 5);
      }
    });
    child.on("exit", (code) => terminal.exit(code ?? 0));
    terminal.onEnd = () => child.kill();
  };
  start();
}
