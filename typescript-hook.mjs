// Lets a child process of a test run the sources as they are, decorators included: `node --import ./typescript-hook.mjs --conditions @tradecore/source x.ts`.
import { readFileSync } from 'node:fs';
import { enableCompileCache, registerHooks } from 'node:module';
import { fileURLToPath } from 'node:url';
import { transformSync } from '@swc/core';

const { $schema: _, ...options } = JSON.parse(readFileSync(new URL('.swcrc', import.meta.url), 'utf8'));
delete options.jsc.rewriteRelativeImportExtensions;

// A fifth of a child's start is to compile what it imports.
enableCompileCache(fileURLToPath(new URL('node_modules/.cache/node', import.meta.url)));

registerHooks({
  load(url, context, next) {
    if (!url.endsWith('.ts')) return next(url, context);
    const filename = fileURLToPath(url);
    const { code } = transformSync(readFileSync(filename, 'utf8'), { ...options, swcrc: false, filename });
    return { format: 'module', source: code, shortCircuit: true };
  },
});
