// Does what every language has to be able to do: see ../rust/src/lib.rs, which takes the same verbs.

import * as http from '../vendor/tandem-sdk/http.js';
import * as secrets from '../vendor/tandem-sdk/secrets.js';
import * as store from '../vendor/tandem-sdk/store.js';
import { config, invalidInput, log, ServiceError, service } from '../vendor/tandem-sdk/index.js';

const ECHO = new TextEncoder().encode('echo ');

export const run = service(async (task) => {
  if (ECHO.every((byte, at) => task.input[at] === byte)) return task.input.slice(ECHO.length);
  const [verb, ...words] = task.text().split(' ');
  switch (verb) {
    case 'task':
      return `${task.id.length} ${task.workflow}`;
    case 'config':
      return config.require(words[0]);
    case 'secret':
      return `${secrets.get(words[0]).length}`;
    case 'leak':
      log.warn(secrets.get(words[0]));
      throw new ServiceError('failed', secrets.get(words[0]));
    case 'log':
      log.warn(words.join(' '));
      return '';
    case 'error':
      throw new ServiceError(words[0], 'told so');
    case 'get':
      return (await http.get(words[0])).ok().body;
    case 'post':
      return (await http.post(words[0], words[1])).ok().body;
    case 'count':
      return `${store.increment(words[0], 2)}`;
    case 'swap':
      return `${store.compareAndSwap(words[0], value(words[1]), value(words[2]))}`;
    case 'recall':
      return store.get(words[0]) ?? 'nothing';
    case 'spin':
      for (;;);
    case 'output':
      return 'x'.repeat(Number(words[0]));
    default:
      throw invalidInput('unknown verb');
  }
});

/** `-` stands for no value. */
const value = (word) => (word === '-' ? undefined : word);
