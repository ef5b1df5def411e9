// The service's store: keys and values that last, shared by the service's components. Each operator has its own: no output may depend on it unless all
// operators are sure to have the same in it. Values are bytes, and text is written as UTF-8. Writes take effect at once and are repeated when the
// execution is.

import * as host from 'tandem:service/store@0.1.0';
import { failed, unavailable } from './index.js';

const WORDS = {
  'not-granted': 'the store is not granted',
  'not-a-counter': 'the value is not a counter, or the sum leaves 64 bits',
  unavailable: 'the store failed',
};

/** The value under `key`, or undefined. */
export const get = (key) => call(() => host.get(key) ?? undefined);
/** The values under several keys, 64 at most, in their order and of one moment. */
export const getMany = (keys) => call(() => host.getMany(keys).map((value) => value ?? undefined));
/** Writes `value` under `key`. */
export const set = (key, value) => call(() => host.set(key, bytes(value)));
/** Deletes `key`, if it is there. */
export const remove = (key) => call(() => host.delete(key));
/** Writes several values, 64 at most, as pairs of key and value; an undefined value deletes. All of them or none. */
export const writeMany = (rows) => call(() => host.writeMany(rows.map(([key, value]) => [key, bytes(value)])));
/** Keys that begin with `prefix` and come after `after`, ascending, `max` at most. */
export const keys = (prefix, { after, max = 64 } = {}) => call(() => host.keys(prefix, after, max));
/** Adds to a counter, and returns the sum as a BigInt. A counter that is not there is 0. */
export const increment = (key, delta = 1) => call(() => host.increment(key, BigInt(delta)));
/** Writes `next` if `expected` is what is there, and says whether it did. Undefined stands for no value, both ways. */
export const compareAndSwap = (key, expected, next) => call(() => host.compareAndSwap(key, bytes(expected), bytes(next)));

const bytes = (value) => (typeof value === 'string' ? new TextEncoder().encode(value) : value);

/** `command`, with the host's refusal in words. */
function call(command) {
  try {
    return command();
  } catch (error) {
    const refusal = error?.payload;
    if (!refusal?.tag) throw error;
    const words = refusal.tag === 'limit' ? `the limit ${refusal.val} of the store would be exceeded` : WORDS[refusal.tag];
    throw refusal.tag === 'unavailable' ? unavailable(words) : failed(words);
  }
}
