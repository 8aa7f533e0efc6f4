// A network line between browser and server that a test can cut and mend. Browsers' own «offline» leaves open sockets open.
import net from "node:net";

export class Line {
  #sockets = new Set();
  #whole = true;

  /** Opens a line to the server; `url` is this end of it. */
  static async to(target) {
    const line = new Line();
    const { hostname, port } = new URL(target);
    line.server = net.createServer((near) => line.#join(near, hostname, Number(port || 80)));
    await new Promise((done) => line.server.listen(0, "127.0.0.1", done));
    line.url = `http://127.0.0.1:${line.server.address().port}`;
    return line;
  }

  /** Breaks every connection without a goodbye, and lets none in. */
  cut() {
    this.#whole = false;
    for (const socket of this.#sockets) socket.resetAndDestroy();
  }

  mend() {
    this.#whole = true;
  }

  async close() {
    this.cut();
    await new Promise((done) => this.server.close(done));
  }

  #join(near, hostname, port) {
    if (!this.#whole) {
      near.resetAndDestroy();
      return;
    }
    const far = net.connect(port, hostname);
    for (const [socket, other] of [
      [near, far],
      [far, near],
    ]) {
      this.#sockets.add(socket);
      socket.on("error", () => other.destroy());
      socket.on("close", () => {
        this.#sockets.delete(socket);
        other.destroy();
      });
      socket.pipe(other);
    }
  }
}
