// Starts the page: styles, then the WebAssembly that draws everything else.
import "@xterm/xterm/css/xterm.css";
import "../styles/site.css";
import wasm from "slipway-web-wasm";
import start from "slipway-web";

start({ module_or_path: new URL(wasm, import.meta.url) }).catch((error) => {
  const note = document.createElement("p");
  note.className = "startup-failure";
  note.setAttribute("role", "alert");
  note.textContent = `The page could not start: ${error}. Reload it; if that does not help, try a current Firefox, Chrome, Edge or Safari.`;
  document.body.append(note);
  throw error;
});
