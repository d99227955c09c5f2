/** Puts model files into Python's linear memory, each at a multiple of 64 bytes. */

const ALIGN = 64;
const MAX_MODEL_BYTES = 128 * 1024 * 1024;

export class ModelMemory {
  #worker;
  #memory;
  #kernel;
  #last;

  constructor(worker, memory, kernel) {
    this.#worker = worker;
    this.#memory = memory;
    this.#kernel = kernel;
  }

  /** Adopt the bytes of a model; `verify` unless the build did. Returns the model's name or throws. */
  adopt(bytes, verify) {
    const place = this.#allocate(bytes.length);
    try {
      this.#write(place.address, bytes);
      return this.#adopt(place, bytes.length, verify);
    } finally {
      place.block.destroy();
    }
  }

  /** Adopt a model as its bytes arrive, without a second copy. Returns the model's name or throws. */
  async receive(response) {
    const size = Number(response.headers.get("content-length") ?? NaN);
    if (!Number.isSafeInteger(size)) return this.adopt(new Uint8Array(await response.arrayBuffer()), true);
    if (size > MAX_MODEL_BYTES) throw new Error(`a model has at most ${MAX_MODEL_BYTES} bytes, not ${size}`);
    const place = this.#allocate(size);
    try {
      let filled = 0;
      for await (const chunk of response.body) {
        if (filled + chunk.length > size) throw new Error("the model is longer than announced");
        this.#write(place.address + filled, chunk);
        filled += chunk.length;
      }
      if (filled < size) throw new Error(`the model broke off after ${filled} of ${size} bytes`);
      return this.#adopt(place, size, true);
    } finally {
      place.block.destroy();
    }
  }

  /** A copy of the model adopted last, for a new interpreter when this one has died. */
  last() {
    return this.#last && new Uint8Array(this.#memory.buffer, this.#last.address, this.#last.size).slice();
  }

  #allocate(size) {
    const block = this.#worker.allocate(size);
    const start = this.#kernel.address(block);
    const offset = -start & (ALIGN - 1);
    return { block, offset, address: start + offset };
  }

  /** Linear memory may have grown since the last write, which detaches every older view. */
  #write(address, bytes) {
    new Uint8Array(this.#memory.buffer, address, bytes.length).set(bytes);
  }

  #adopt({ block, offset, address }, size, verify) {
    const name = this.#worker.adopt(block, offset, size, address, verify);
    this.#last = { address, size };
    return name;
  }
}
