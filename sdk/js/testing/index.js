// A host for tests: runs a component's function on the author's machine, with the settings, secrets and HTTP answers that a test lays out. It reaches no
// network and enforces no limits: `tandem exec` and `tandem test` run the component as operators do.
//
//   const host = new Host({ config: { base_url: 'https://api.example' }, answers: { 'https://api.example/1': { status: 200, body: 'one' } } });
//   assert.equal(await host.text(run, '1'), 'one');

const encode = (value) => (typeof value === 'string' ? new TextEncoder().encode(value) : value);

/** What the component finds around it. */
export class Host {
  constructor({ config = {}, secrets = {}, answers = {}, stored = {} } = {}) {
    /** The lines that the component logged, each after its level: `info: a line`. */
    this.logged = [];
    /** The HTTP requests that it sent: method, URL and body. */
    this.asked = [];
    this.answers = answers;
    this.config = { get: (key) => config[key] };
    this.secrets = { get: (name) => secrets[name] };
    this.logging = { log: (level, message) => void this.logged.push(`${level}: ${message}`) };
    this.store = storeOf(new Map(Object.entries(stored).map(([key, value]) => [key, encode(value)])));
  }

  /** The bytes that `run` returns for a task with this input. What it throws has the `kind` and `message` of its error. */
  async bytes(run, input) {
    const before = [globalThis.tandemHost, globalThis.fetch];
    [globalThis.tandemHost, globalThis.fetch] = [this, (url, options) => this.#answer(String(url), options)];
    try {
      return (await run({ id: new Uint8Array(32), workflow: 'manual', input: encode(input) })).payload;
    } finally {
      [globalThis.tandemHost, globalThis.fetch] = before;
    }
  }

  /** The same, as text. */
  async text(run, input) {
    return new TextDecoder().decode(await this.bytes(run, input));
  }

  async #answer(url, { method, body }) {
    this.asked.push({ method, url, body });
    const answer = this.answers[method === 'GET' ? url : `${method} ${url}`];
    if (answer === undefined) throw new TypeError(`no answer is laid out for ${method} ${url}`);
    return new Response(answer.body ?? null, { status: answer.status ?? 200 });
  }
}

function storeOf(rows) {
  const same = (one, other) => one === other || (one && other && Buffer.compare(one, other) === 0);
  const write = (key, value) => void (value === undefined ? rows.delete(key) : rows.set(key, value));
  return {
    get: (key) => rows.get(key),
    getMany: (keys) => keys.map((key) => rows.get(key)),
    set: write,
    delete: (key) => void rows.delete(key),
    writeMany: (changes) => changes.forEach(([key, value]) => write(key, value)),
    keys: (prefix, after, max) =>
      [...rows.keys()].filter((key) => key.startsWith(prefix) && (after === undefined || key > after)).sort().slice(0, max),
    increment(key, delta) {
      const counter = new DataView(new ArrayBuffer(8));
      const sum = (rows.has(key) ? new DataView(Uint8Array.from(rows.get(key)).buffer).getBigInt64(0, true) : 0n) + delta;
      counter.setBigInt64(0, sum, true);
      rows.set(key, new Uint8Array(counter.buffer));
      return sum;
    },
    compareAndSwap(key, expected, next) {
      if (!same(rows.get(key), expected)) return false;
      write(key, next);
      return true;
    },
  };
}
