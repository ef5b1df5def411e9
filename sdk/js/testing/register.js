// Loaded before a project's tests (`node --import`): the host's interfaces are those of `Host` in index.js from here on.

import { register } from 'node:module';

register('./hooks.js', import.meta.url);
