/** The edge's floor: a worker that returns a constant. */
export default { fetch: () => new Response('{"ok":true}', { headers: { "content-type": "application/json" } }) };
