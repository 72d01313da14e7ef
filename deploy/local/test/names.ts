import { execFileSync } from 'node:child_process';
import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import ts from 'typescript';

/** A name and where it stands: `libs/x/src/y.ts:12`, or the path alone for a name in the path itself. */
export interface Name {
  readonly name: string;
  readonly at: string;
}

/**
 * The files of the repository, those that are about to be committed included, without fixtures and what a tool writes.
 */
export function filesOf(root: string): string[] {
  const listed = execFileSync('git', ['ls-files', '-co', '--exclude-standard'], { cwd: root, encoding: 'utf8' });
  return listed
    .split('\n')
    .filter((path) => path !== '' && !/(^|\/)fixtures\/|package-lock\.json$/.test(path) && existsSync(join(root, path)));
}

/**
 * Every name in a file: its path, identifiers of code, tables and columns of SQL, and what has the shape of a name in
 * strings, JSON and YAML (metrics, settings, event types). Comments and sentences are English and have no names in
 * them.
 */
export function namesIn(path: string, text: string): Name[] {
  const inPath = path.split('/').map((name) => ({ name, at: path }));
  return [...inPath, ...namesOf(path, text).map(({ name, line }) => ({ name, at: `${path}:${line}` }))];
}

/**
 * The names under a root in files that `isLookedAt`; a text that `mayMatter` not is not parsed, which takes ten times
 * as long as to read it.
 */
export function namesUnder(root: string, isLookedAt: (path: string) => boolean, mayMatter: RegExp): Name[] {
  return filesOf(root)
    .filter(isLookedAt)
    .flatMap((path) => {
      const text = /\.(m?ts|mjs|sql|ya?ml|json|tpl)$/.test(path) ? readFileSync(join(root, path), 'utf8') : '';
      return namesIn(path, mayMatter.test(text) ? text : '');
    });
}

/**
 * The parts of a camel, snake or kebab name, in lower case: `BrokerOrder`, `broker_order` and `broker-order.ts` begin
 * with the same two.
 */
export const partsOf = (name: string): string[] =>
  (name.match(/[A-Z]+(?![a-z])|[A-Z]?[a-z]+|\d+/g) ?? []).map((part) => part.toLowerCase());

interface Found {
  readonly name: string;
  readonly line: number;
}

function namesOf(path: string, text: string): Found[] {
  if (/\.(m?ts|mjs)$/.test(path)) return namesOfCode(path, text);
  if (path.endsWith('.sql')) return wordsOf(withoutSqlComments(text), 1, sqlWord);
  return wordsOf(text.replace(/(^|\s)#.*$/gm, '$1'), 1, compound);
}

/** Several parts in one word. */
const compound = /[A-Za-z]+(?:[_-][A-Za-z0-9]+|[a-z0-9][A-Z][A-Za-z0-9]*)[\w-]*/g;
const sqlWord = /[a-z_][a-z0-9_]*/gi;
const withoutSqlComments = (text: string): string => text.replace(/--.*$/gm, '');
const isSql = /^\s*(select|insert|update|delete|create|alter|with|grant|drop|lock|call)\s/i;

function namesOfCode(path: string, text: string): Found[] {
  const source = ts.createSourceFile(path, text, ts.ScriptTarget.Latest);
  const found: Found[] = [];
  const visit = (node: ts.Node): void => {
    const line = (): number => source.getLineAndCharacterOfPosition(node.getStart(source)).line + 1;
    if (ts.isIdentifier(node) || ts.isPrivateIdentifier(node)) found.push({ name: node.text, line: line() });
    else if (ts.isStringLiteralLike(node)) found.push(...namesInString(node.text, line()));
    else if (ts.isTemplateExpression(node)) found.push(...namesInString(templateText(node), line()));
    ts.forEachChild(node, visit);
  };
  visit(source);
  return found;
}

/** What is written between the values. */
const templateText = ({ head, templateSpans }: ts.TemplateExpression): string =>
  [head.text, ...templateSpans.map(({ literal }) => literal.text)].join('?');

/** A string without blanks is a name; one with blanks is SQL, or a sentence in which only compound words are. */
function namesInString(text: string, line: number): Found[] {
  if (!/\s/.test(text)) return [{ name: text, line }];
  return isSql.test(text) ? wordsOf(withoutSqlComments(text), line, sqlWord) : wordsOf(text, line, compound);
}

function wordsOf(text: string, first: number, shape: RegExp): Found[] {
  return text.split('\n').flatMap((line, index) => [...line.matchAll(shape)].map(([name]) => ({ name, line: first + index })));
}
