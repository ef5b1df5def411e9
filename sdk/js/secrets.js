// Values that each operator supplies for itself, such as API keys. They differ between operators: no output may depend on them.

import { get as lookUp } from 'tandem:service/secrets@0.1.0';
import { failed } from './index.js';

/** The secret `name`; an error of kind `failed` when tandem.toml does not name it or the operator has not supplied it. */
export function get(name) {
  const value = lookUp(name);
  if (value === undefined || value === null) throw failed(`secret ${name} is not supplied`);
  return value;
}
