import { execFileSync } from 'node:child_process';
import { existsSync, readFileSync } from 'node:fs';
import { dirname, join, normalize } from 'node:path';
import { fileURLToPath } from 'node:url';

const root = fileURLToPath(new URL('../../..', import.meta.url));

/** Markdown pages that are, or are about to be, part of the repository. */
const pages = execFileSync('git', ['ls-files', '-co', '--exclude-standard', '*.md'], { cwd: root, encoding: 'utf8' })
  .split('\n')
  .filter((page) => page !== '' && existsSync(join(root, page)));

/** Text without code, in which brackets mean something else. */
const prose = (markdown: string): string => markdown.replace(/```[\s\S]*?```/g, '').replace(/`[^`\n]*`/g, '');

/** The anchors that a page's headings make, as GitHub makes them. */
function anchorsOf(page: string): string[] {
  const headings = readFileSync(join(root, page), 'utf8').matchAll(/^#+\s+(.+)$/gm);
  return [...headings].map(([, heading = '']) =>
    heading
      .toLowerCase()
      .replace(/[^\p{L}\p{N}\s_-]/gu, '')
      .replace(/\s/g, '-'),
  );
}

/** The links of a page that lead nowhere. Links to other hosts are not looked at. */
function deadLinks(page: string): string[] {
  const markdown = prose(readFileSync(join(root, page), 'utf8'));
  const targets = [...markdown.matchAll(/\]\(\s*([^)\s]+)(?:\s+"[^"]*")?\s*\)/g)].map(([, target = '']) => target);
  return targets
    .filter((target) => !/^[a-z]+:/.test(target))
    .filter((target) => {
      const [path = '', anchor] = target.split('#');
      const file = path === '' ? page : normalize(join(dirname(page), decodeURIComponent(path)));
      if (file.startsWith('..') || !existsSync(join(root, file))) return true;
      return anchor !== undefined && file.endsWith('.md') && !anchorsOf(file).includes(anchor);
    });
}

describe('the pages of the repository', () => {
  it('are found', () => expect(pages.length).toBeGreaterThan(3));
  it.each(pages)('%s has no dead link', (page) => expect(deadLinks(page)).toEqual([]));
});

describe('the guided tour', () => {
  it('follows an order in at most 60 files', () => {
    const tour = readFileSync(join(root, 'docs/place-order.md'), 'utf8');
    const files = new Set([...tour.matchAll(/\]\((\.\.\/[^)\s]+\.(?:ts|sql))\)/g)].map(([, file]) => file));
    expect(files.size).toBeGreaterThan(30);
    expect(files.size).toBeLessThanOrEqual(60);
  });
});
