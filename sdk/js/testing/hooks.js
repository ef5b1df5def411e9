// Lets Node load what only components have: `tandem:service/NAME` becomes a module that asks the host of the running test.

const INTERFACE = /^tandem:service\/([a-z]+)@/;
const FUNCTIONS = {
  config: ['get'],
  secrets: ['get'],
  logging: ['log'],
  store: ['get', 'getMany', 'set', 'delete', 'writeMany', 'keys', 'increment', 'compareAndSwap'],
};

export function resolve(specifier, context, next) {
  return INTERFACE.test(specifier) ? { url: specifier, shortCircuit: true } : next(specifier, context);
}

export function load(url, context, next) {
  const name = INTERFACE.exec(url)?.[1];
  return name === undefined ? next(url, context) : { format: 'module', source: source(name), shortCircuit: true };
}

function source(name) {
  const functions = FUNCTIONS[name] ?? [];
  const wrapped = functions.map((each) => `const $${each} = (...given) => globalThis.tandemHost.${name}.${each}(...given);`);
  return `${wrapped.join('\n')}\nexport { ${functions.map((each) => `$${each} as ${each}`).join(', ')} };`;
}
