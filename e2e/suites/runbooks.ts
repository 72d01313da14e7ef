import { readdirSync, readFileSync } from 'node:fs';

const folder = new URL('../../docs/runbooks/', import.meta.url);

/** One command of a page, as it is typed. */
export interface RunbookCommand {
  readonly page: string;
  readonly line: string;
  /** In the text a command may stand without what it needs: there it is a name. */
  readonly inText: boolean;
}

/** Every command of every page, each once: the lines of its blocks, and what stands between backticks in its text. */
export function runbookCommands(): RunbookCommand[] {
  const found = (text: string, pattern: RegExp): string[] => [...text.matchAll(pattern)].map(([line]) => line);
  const all = pages().flatMap(({ page, text }) => [
    ...found(text, /(?<=`(?:npx )?)tradecore [a-z][^`]*(?=`)/g).map((line) => ({ page, line, inText: true })),
    ...found(text, /^tradecore .*$/gm).map((line) => ({ page, line, inText: false })),
  ]);
  return [...new Map(all.map((command) => [command.line, command])).values()];
}

/** Lines of blocks that are no command of `tradecore`, each behind the name of its page. */
export const otherLines = (): string[] =>
  pages().flatMap(({ page, text }) =>
    [...text.matchAll(/^```\w*\n([^]*?)^```$/gm)]
      .flatMap(([, block = '']) => block.trimEnd().split('\n'))
      .filter((line) => !line.startsWith('tradecore '))
      .map((line) => `${page}: ${line}`),
  );

/** The words of a line; what stands in quotes is one. */
export const wordsOf = (line: string): string[] =>
  (line.match(/(?:"[^"]*"|[^\s"])+/g) ?? []).map((word) => word.replaceAll('"', ''));

const pages = (): { page: string; text: string }[] =>
  readdirSync(folder).map((page) => ({ page, text: readFileSync(new URL(page, folder), 'utf8') }));
