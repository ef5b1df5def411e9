// {{name}}: greets whoever a task names.
//
// A component is a function from a task to bytes. Every operator runs it for itself and signs what it returns, so the same task must give the same bytes
// everywhere: keep time, randomness, secrets and whatever changes from one moment to the next out of them.

import { config, invalidInput, log, service } from '../vendor/tandem-sdk/index.js';

/** Longest name, in characters. */
const NAME_MAX = 100;

export const run = service((task) => {
  const name = nameIn(task.text());
  log.info(`greeting ${name}`);
  return `${config.require('greeting')}, ${name}!`;
});

/** Inputs come from anyone: what cannot be computed is refused, with a sentence for people. */
function nameIn(input) {
  const name = input.trim();
  if (name === '') throw invalidInput('the name is empty');
  if (name.length > NAME_MAX) throw invalidInput(`the name is longer than ${NAME_MAX} characters`);
  return name;
}
