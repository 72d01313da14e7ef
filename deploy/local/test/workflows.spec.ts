import { readdirSync, readFileSync } from 'node:fs';
import { parse } from 'yaml';

interface Workflow {
  readonly permissions: unknown;
  readonly jobs: Readonly<Record<string, { readonly uses?: string; readonly 'timeout-minutes'?: number }>>;
}

const folder = new URL('../../../.github/workflows/', import.meta.url);
const workflows = readdirSync(folder).map((name): [string, string] => [name, readFileSync(new URL(name, folder), 'utf8')]);

describe.each(workflows)('the workflow %s', (_, text) => {
  it('uses actions by a hash, with the version that it is', () => {
    const used = [...text.matchAll(/^.*\buses:\s*(.*)$/gm)].map(([, action = '']) => action);
    expect(used.length).toBeGreaterThan(0);
    const pinned = /^(\.\/\.github\/workflows\/\w+\.yml|[\w.-]+\/[\w./-]+@[0-9a-f]{40} # v\d+(\.\d+){0,2})$/;
    expect(used.filter((action) => !pinned.test(action))).toEqual([]);
  });

  it('may read only, unless a job says more, and ends', () => {
    const { permissions, jobs } = parse(text) as Workflow;
    expect(permissions).toEqual({ contents: 'read' });
    const endless = Object.entries(jobs).filter(([, job]) => job.uses === undefined && job['timeout-minutes'] === undefined);
    expect(endless.map(([name]) => name)).toEqual([]);
  });
});

describe('one action', () => {
  it('is the same in every workflow', () => {
    const all = workflows.flatMap(([, text]) =>
      [...text.matchAll(/uses: ([\w./-]+)@(\S+)/g)].map(([, name, hash]) => [name, hash]),
    );
    const hashes = Map.groupBy(all, ([name]) => name);
    const differing = [...hashes].filter(([, uses]) => new Set(uses.map(([, hash]) => hash)).size > 1);
    expect(differing.map(([name]) => name)).toEqual([]);
  });
});
