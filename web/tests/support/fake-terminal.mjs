// One terminal of the fake server: the server's side of slipway.v1, with a ring, a window, and exactly-once input by client id.
const RING = 2 * 1024 * 1024;
const WINDOW = 256 * 1024;
const FRAME = 16 * 1024;

const number = (value) => {
  const bytes = Buffer.alloc(8);
  bytes.writeBigUInt64BE(BigInt(value));
  return bytes;
};

export class Terminal {
  /** Everything that the page has typed, as the program sees it. */
  input = Buffer.alloc(0);
  /** Every frame that came, for a test's curiosity: `{ opcode, payload }`. */
  frames = [];
  /** Sizes asked for. */
  sizes = [];
  /** Largest amount of output that was ever unacknowledged. */
  widest = 0;
  /** Connections so far. */
  connections = 0;

  #ring = Buffer.alloc(0);
  #ringStart = 0;
  #end = 0;
  #accepted = new Map();
  #viewers = new Set();
  #queue = [];
  #program = null;

  /** Gives the terminal a program: called with each piece of input. */
  onInput(program) {
    this.#program = program;
  }

  /** Told of each new size. */
  onResize = () => {};

  /** Output, kept to the window of the connection in use. */
  write(data) {
    this.#queue.push(Buffer.from(data));
    this.#pump();
  }

  /** Output that waits for the window. */
  get waiting() {
    return this.#queue.reduce((sum, piece) => sum + piece.length, 0);
  }

  /** Throws away output that waits, as a terminal does on Ctrl-C. */
  flush() {
    this.#queue = [];
  }

  /** Number of the next output byte. */
  get written() {
    return this.#end;
  }

  /** Ends the shell. */
  exit(code) {
    const payload = Buffer.alloc(4);
    payload.writeInt32BE(code);
    for (const viewer of this.#viewers) this.#send(viewer, 0x83, payload);
  }

  /** Cuts every connection, without a goodbye. */
  cut() {
    for (const viewer of this.#viewers) viewer.socket.terminate();
    this.#viewers.clear();
  }

  end() {
    this.cut();
    this.onEnd?.();
  }

  /** Speaks with a page. */
  attach(socket) {
    this.connections += 1;
    const viewer = { socket, id: null, sent: 0, acked: 0 };
    socket.on("message", (frame) => this.#frame(viewer, frame));
    socket.on("close", () => this.#viewers.delete(viewer));
  }

  #frame(viewer, frame) {
    const [opcode, payload] = [frame[0], frame.subarray(1)];
    this.frames.push({ opcode, payload: Buffer.from(payload) });
    if (this.intercept?.(opcode, payload, viewer)) return;
    switch (opcode) {
      case 0x00: {
        const wanted = payload.readBigUInt64BE(0);
        viewer.id = payload.subarray(8, 24).toString("hex");
        this.sizes.push([payload.readUInt16BE(24), payload.readUInt16BE(26)]);
        this.onResize(...this.sizes.at(-1));
        const first = wanted > BigInt(this.#end) ? this.#ringStart : Math.max(Number(wanted), this.#ringStart);
        viewer.sent = first;
        viewer.acked = first;
        this.#send(viewer, 0x80, Buffer.concat([number(first), number(this.#accepted.get(viewer.id) ?? 0)]));
        this.#viewers.add(viewer);
        this.#pump();
        break;
      }
      case 0x01: {
        const first = Number(payload.readBigUInt64BE(0));
        const accepted = this.#accepted.get(viewer.id) ?? 0;
        if (first > accepted) throw new Error(`input gap: ${first} after ${accepted}`);
        const fresh = payload.subarray(8 + accepted - first);
        this.#accepted.set(viewer.id, Math.max(accepted, first + payload.length - 8));
        if (fresh.length > 0) {
          this.input = Buffer.concat([this.input, fresh]);
          this.#program?.(Buffer.from(fresh));
        }
        if (!this.silent) this.#send(viewer, 0x82, number(this.#accepted.get(viewer.id)));
        break;
      }
      case 0x02: {
        const size = [payload.readUInt16BE(0), payload.readUInt16BE(2)];
        const changed = String(size) !== String(this.sizes.at(-1));
        this.sizes.push(size);
        this.onResize(...size);
        if (changed) this.#send(viewer, 0x85, payload);
        break;
      }
      case 0x03:
        viewer.acked = Math.max(viewer.acked, Number(payload.readBigUInt64BE(0)));
        this.#pump();
        break;
      default:
        this.#send(viewer, 0x84, Buffer.from(`unknown opcode ${opcode}`));
    }
  }

  /** Takes waiting output into the ring as far as the window allows, and sends what viewers lack. */
  #pump() {
    const acked = Math.min(...[...this.#viewers].map((viewer) => viewer.acked));
    while (this.#queue.length > 0) {
      const room = this.#viewers.size === 0 ? Infinity : acked + WINDOW - this.#end;
      if (room <= 0) break;
      const piece = this.#queue.shift();
      const taken = piece.subarray(0, Math.min(room, FRAME));
      if (taken.length < piece.length) this.#queue.unshift(piece.subarray(taken.length));
      this.#ring = Buffer.concat([this.#ring, taken]);
      this.#end += taken.length;
      if (this.#ring.length > RING) {
        this.#ringStart += this.#ring.length - RING;
        this.#ring = this.#ring.subarray(this.#ring.length - RING);
      }
      this.#deliver();
    }
    this.#deliver();
  }

  #deliver() {
    for (const viewer of this.#viewers) {
      while (viewer.sent < this.#end && viewer.sent < viewer.acked + WINDOW) {
        const from = viewer.sent - this.#ringStart;
        const bytes = this.#ring.subarray(from, Math.min(from + FRAME, from + viewer.acked + WINDOW - viewer.sent));
        this.#send(viewer, 0x81, Buffer.concat([number(viewer.sent), bytes]));
        viewer.sent += bytes.length;
        this.widest = Math.max(this.widest, viewer.sent - viewer.acked);
      }
    }
  }

  #send(viewer, opcode, payload) {
    viewer.socket.send(Buffer.concat([Buffer.from([opcode]), payload]));
  }
}
