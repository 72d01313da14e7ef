// Lets a child process of a test run the sources as they are, decorators included: `node --import ./typescript-hook.mjs --conditions @tradecore/source x.ts`.
import { createHash } from 'node:crypto';
import { mkdirSync, readFileSync, renameSync, writeFileSync } from 'node:fs';
import { createRequire, enableCompileCache, flushCompileCache, registerHooks } from 'node:module';
import { fileURLToPath } from 'node:url';

const require = createRequire(import.meta.url);
const cache = (name) => fileURLToPath(new URL(`node_modules/.cache/${name}`, import.meta.url));

const { $schema: _, ...options } = JSON.parse(readFileSync(new URL('.swcrc', import.meta.url), 'utf8'));
delete options.jsc.rewriteRelativeImportExtensions;
const compiler = JSON.stringify([require('@swc/core/package.json').version, options]);

// Half of a child's start is to transform and compile what it imports; most are killed, so they don't wait for their end.
enableCompileCache(cache('node'));
setTimeout(flushCompileCache, 1000).unref();
mkdirSync(cache('typescript'), { recursive: true });

registerHooks({
  load(url, context, next) {
    if (!url.endsWith('.ts')) return next(url, context);
    return { format: 'module', source: transformed(fileURLToPath(url)), shortCircuit: true };
  },
});

/** The JavaScript of a file, transformed once for each content. */
function transformed(filename) {
  const text = readFileSync(filename, 'utf8');
  const kept = `${cache('typescript')}/${createHash('sha1').update(`${compiler}\n${filename}\n${text}`).digest('hex')}`;
  try {
    return readFileSync(kept, 'utf8');
  } catch (error) {
    if (error.code !== 'ENOENT') throw error;
  }
  const { code } = require('@swc/core').transformSync(text, { ...options, swcrc: false, filename });
  // Renamed when it is whole: other children read it, and this one may be killed on any line.
  writeFileSync(`${kept}.${process.pid}`, code);
  renameSync(`${kept}.${process.pid}`, kept);
  return code;
}
