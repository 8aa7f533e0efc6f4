"""Runs a login shell on a pseudo-terminal: bytes on stdin and stdout, lines "COLS ROWS" on descriptor 3."""
import fcntl
import os
import pty
import select
import struct
import sys
import termios

pid, master = pty.fork()
if pid == 0:
    os.chdir(os.environ.get("HOME", "/"))
    os.execvp("bash", ["bash", *sys.argv[1:]])
sources = {0: None, 3: None, master: None}
try:
    while True:
        for source in select.select(list(sources), [], [])[0]:
            data = os.read(source, 65536)
            if not data:
                sys.exit(0)
            if source == 3:
                cols, rows = data.decode().split("\n")[-2].split()
                fcntl.ioctl(master, termios.TIOCSWINSZ, struct.pack("HHHH", int(rows), int(cols), 0, 0))
            else:
                os.write(1 if source == master else master, data)
except OSError:
    pass
