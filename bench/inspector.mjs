/** Prints one isolate's Runtime.getHeapUsage: node inspector.mjs HOST:PORT (workerd's inspector). */

const [address] = process.argv.slice(2);
const targets = await (await fetch(`http://${address}/json`)).json();
const { webSocketDebuggerUrl } = targets.find(({ id }) => id === "doorstep") ?? targets[0];
const socket = new WebSocket(webSocketDebuggerUrl);
await new Promise((resolve, reject) => Object.assign(socket, { onopen: resolve, onerror: reject }));

socket.onmessage = ({ data }) => {
  console.log(JSON.stringify(JSON.parse(data).result));
  process.exit(); // workerd does not answer a closing handshake
};
socket.send(JSON.stringify({ id: 1, method: "Runtime.getHeapUsage" }));
