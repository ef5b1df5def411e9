// What authors of Tandem components in JavaScript import. A component is a function from a task to bytes; all honest operators must return the same bytes.
//
//   import { config, invalidInput, log, service } from '../vendor/tandem-sdk/index.js';
//
//   export const run = service((task) => `${config.require('greeting')}, ${task.text()}!`);
//
// HTTP, secrets and the store are in modules of their own (http.js, secrets.js, store.js): a `strict` component is built without them.

import { get } from 'tandem:service/config@0.1.0';
import { log as write } from 'tandem:service/logging@0.1.0';

/**
 * Why there is no output, with one sentence for people. The kind decides whether operators try again: `invalid-input` and `failed` end the task,
 * `not-ready` and `unavailable` are tried again until its deadline. Keep secrets out of the message.
 */
export class ServiceError extends Error {
  /** @param {'invalid-input' | 'not-ready' | 'unavailable' | 'failed'} kind */
  constructor(kind, message) {
    super(message);
    this.name = 'ServiceError';
    this.kind = kind;
  }
}

/** The task asks for something that can never be computed. */
export const invalidInput = (message) => new ServiceError('invalid-input', message);
/** The answer does not exist yet. */
export const notReady = (message) => new ServiceError('not-ready', message);
/** A source did not answer as it should. */
export const unavailable = (message) => new ServiceError('unavailable', message);
/** The component, its configuration or its grants are wrong. */
export const failed = (message) => new ServiceError('failed', message);

/** Lines for the operator's log; no part of the result. */
export const log = {
  trace: (message) => write('trace', String(message)),
  debug: (message) => write('debug', String(message)),
  info: (message) => write('info', String(message)),
  warn: (message) => write('warn', String(message)),
  error: (message) => write('error', String(message)),
};

/** The workflow's settings, from `config` in tandem.toml. */
export const config = {
  /** The value of `key`, or undefined. */
  get: (key) => get(key) ?? undefined,
  /** The value of `key`; an error of kind `failed` when it is not set. */
  require(key) {
    const value = get(key);
    if (value === undefined || value === null) throw failed(`config \`${key}\` is not set`);
    return value;
  },
};

/** One firing of the workflow's trigger. */
export class Task {
  constructor({ id, workflow, input }) {
    /** The task's identity: 32 bytes. */
    this.id = id;
    /** Name of the workflow that fired. */
    this.workflow = workflow;
    /** What the trigger carries, as bytes. */
    this.input = input;
  }

  /** The input as text; an error of kind `invalid-input` when it is not UTF-8. */
  text() {
    try {
      return new TextDecoder('utf-8', { fatal: true, ignoreBOM: true }).decode(this.input);
    } catch {
      throw invalidInput('the input is not UTF-8 text');
    }
  }

  /** The input as JSON; an error of kind `invalid-input` when it is none. */
  json() {
    try {
      return JSON.parse(this.text());
    } catch (error) {
      throw error instanceof ServiceError ? error : invalidInput(`the input is not JSON: ${error.message}`);
    }
  }
}

/**
 * Makes a function the component's `run`. It gets a `Task`, may be async, and returns bytes, text, or a value that becomes JSON without white space, its
 * fields in the order in which they were written.
 */
export const service = (handler) => async (task) => {
  try {
    return { payload: toBytes(await handler(new Task(task))) };
  } catch (error) {
    throw refusal(error);
  }
};

function toBytes(value) {
  // Not by `instanceof`: what the host hands over comes from another realm.
  if (ArrayBuffer.isView(value)) return new Uint8Array(value.buffer, value.byteOffset, value.byteLength);
  const text = typeof value === 'string' ? value : JSON.stringify(value);
  if (text === undefined) throw failed('the service returned nothing');
  return new TextEncoder().encode(text);
}

/** What the host expects in the place of an output: an error whose `payload` is the record of the WIT package. */
function refusal(error) {
  if (error instanceof ServiceError) return Object.assign(error, { payload: { kind: error.kind, message: error.message } });
  log.error(error?.stack ? `${error}\n${error.stack}` : `${error}`);
  return Object.assign(failed(`${error}`), { payload: { kind: 'failed', message: `${error}` } });
}
