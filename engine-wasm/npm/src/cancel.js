// A flag that a thread at work can look at without returning to its event loop. Where memory may be shared between threads it is a word of
// such memory; elsewhere it is the address of a Blob, which can be read until it is revoked.

/** How often a Blob's address is tried, in milliseconds: that takes about half a millisecond. */
const PATIENCE = 50;

export function makeToken() {
  if (typeof SharedArrayBuffer !== "undefined" && globalThis.crossOriginIsolated !== false) {
    const shared = new SharedArrayBuffer(4);
    return { shared, cancel: () => Atomics.store(new Int32Array(shared), 0, 1), release() {} };
  }
  const shared = URL.createObjectURL(new Blob(["."]));
  const release = () => URL.revokeObjectURL(shared);
  return { shared, cancel: release, release };
}

/** The other end: a function that says whether to stop. */
export function readToken(shared) {
  if (shared === undefined) return () => false;
  if (typeof shared !== "string") {
    const word = new Int32Array(shared);
    return () => Atomics.load(word, 0) !== 0;
  }
  let last = performance.now();
  let cancelled = false;
  return () => {
    if (cancelled || performance.now() - last < PATIENCE) return cancelled;
    cancelled = !readable(shared) && hearing();
    last = performance.now();
    return cancelled;
  };
}

function readable(address) {
  try {
    const request = new XMLHttpRequest();
    request.open("GET", address, false);
    request.send();
    return request.status === 200;
  } catch {
    return false;
  }
}

/** Whether a Blob's address can be read at all: a page may forbid it (`connect-src` without `blob:`), and then nothing is heard. */
function hearing() {
  const own = URL.createObjectURL(new Blob(["."]));
  const heard = readable(own);
  URL.revokeObjectURL(own);
  return heard;
}
