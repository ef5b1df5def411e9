// A `strict` component: a polynomial of the input, with what a language might take from the world beside it.

import { config, log, service } from '../vendor/tandem-sdk/index.js';

export const run = service((task) => {
  const numbers = task.json();
  log.info(`${numbers.length} numbers`);
  const sum = numbers.reduce((sum, number, power) => sum + number * Math.sqrt(power + 1), 0);
  return { sum, keys: Object.keys({ b: 1, a: 2 }), set: [...new Set(numbers)], random: Math.random(), unit: config.get('unit') ?? null };
});
