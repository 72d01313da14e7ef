import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';

interface Package {
  readonly path: string;
  readonly name: string;
  readonly floor: number;
  readonly dependencies: Readonly<Record<string, string>>;
}

const folders = ['libs', 'services', 'deploy', '.'];
const ours = /(?:from|import)\s*\(?\s*'(@tradecore\/[a-z-]+)/g;

/**
 * The faults of the house: a package without a floor, a dependency that goes up or sideways, an import of ours that the
 * package does not declare. Lint says the same of single imports; this looks at what each package.json promises.
 */
export function checkFloors(root: string): string[] {
  const packages = findPackages(root);
  const floorOf = new Map(packages.map(({ name, floor }) => [name, floor]));
  return packages.flatMap((each) => [
    ...(Number.isInteger(each.floor) ? [] : [`${each.name} has no tag "floor:<1-6>" in its package.json`]),
    ...Object.keys(each.dependencies)
      .filter((name) => name.startsWith('@tradecore/'))
      .filter((name) => each.floor < 6 && (floorOf.get(name) ?? 0) >= each.floor)
      .map((name) => `${each.name} (floor ${each.floor}) depends on ${name} (floor ${floorOf.get(name)}): down only`),
    ...undeclared(each),
  ]);
}

function findPackages(root: string): Package[] {
  return folders
    .flatMap((folder) => readdirSync(join(root, folder), { withFileTypes: true }).map(({ name }) => join(root, folder, name)))
    .filter((path) => !path.endsWith('node_modules') && existsSync(join(path, 'package.json')))
    .map((path) => {
      const { name, nx, dependencies, devDependencies } = JSON.parse(readFileSync(join(path, 'package.json'), 'utf8'));
      const tag = (nx?.tags as string[] | undefined)?.find((each) => each.startsWith('floor:'));
      return { path, name, floor: Number(tag?.slice('floor:'.length)), dependencies: { ...dependencies, ...devDependencies } };
    });
}

function undeclared({ path, name, dependencies }: Package): string[] {
  const source = join(path, 'src');
  if (!existsSync(source)) return [];
  return readdirSync(source, { recursive: true, encoding: 'utf8' })
    .filter((file) => file.endsWith('.ts'))
    .flatMap((file) =>
      [...readFileSync(join(source, file), 'utf8').matchAll(ours)]
        .map(([, imported]) => imported ?? '')
        .filter((imported) => imported !== name && !(imported in dependencies))
        .map((imported) => `${name}: src/${file} imports ${imported}, which its package.json does not name`),
    );
}
