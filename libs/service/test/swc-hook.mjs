// Lets Node.js run our TypeScript as it stands, decorators included, in a process of its own: `node --import ./swc-hook.mjs program.ts`.
import { readFileSync } from 'node:fs';
import { registerHooks } from 'node:module';
import { fileURLToPath } from 'node:url';
import { transformSync } from '@swc/core';

const { $schema: _, ...swcrc } = JSON.parse(readFileSync(new URL('../../../.swcrc', import.meta.url), 'utf8'));
delete swcrc.jsc.rewriteRelativeImportExtensions;

registerHooks({
  load(url, context, next) {
    if (!url.endsWith('.ts')) return next(url, context);
    const filename = fileURLToPath(url);
    const { code } = transformSync(readFileSync(filename, 'utf8'), { ...swcrc, swcrc: false, filename });
    return { format: 'module', source: code, shortCircuit: true };
  },
});
