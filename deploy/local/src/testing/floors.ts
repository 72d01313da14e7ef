import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { dirname, join, relative, sep } from 'node:path';

interface Package {
  /** From the root: `libs/events`. */
  readonly path: string;
  readonly name: string;
  readonly floor: number;
  readonly dependencies: Readonly<Record<string, string>>;
  readonly files: readonly Source[];
}

/** One file of a package, and what it imports, as written. */
interface Source {
  readonly path: string;
  readonly imports: readonly string[];
}

const folders = ['libs', 'services', 'deploy', '.'];
const built = new Set(['node_modules', 'dist', 'fixtures']);
const imported = /(?:from|import)\s*\(?\s*'([^']+)'/g;

/**
 * Violations: a package without a floor, a dependency or an import by path that goes up or sideways, an import of our
 * packages that the package does not declare. Floors 1 to 5 are libs and services; above them are `deploy/local` (6),
 * `e2e` (7) and `bench` (8), which import from below and are imported by nothing below.
 */
export function checkFloors(root: string): string[] {
  const packages = findPackages(root);
  const floorOf = new Map(packages.map(({ name, floor }) => [name, floor]));
  return packages.flatMap((each) => [
    ...(Number.isInteger(each.floor) ? [] : [`${each.name} has no tag "floor:<1-8>" in its package.json`]),
    ...Object.keys(each.dependencies)
      .filter((name) => (floorOf.get(name) ?? 0) >= each.floor)
      .map((name) => `${each.name} (floor ${each.floor}) depends on ${name} (floor ${floorOf.get(name)}): down only`),
    ...undeclared(each),
    ...upwards(each, packages),
  ]);
}

function findPackages(root: string): Package[] {
  return folders
    .flatMap((folder) => readdirSync(join(root, folder), { withFileTypes: true }).map(({ name }) => join(root, folder, name)))
    .filter((path) => !path.endsWith('node_modules') && existsSync(join(path, 'package.json')))
    .map((path) => {
      const { name, nx, dependencies, devDependencies } = JSON.parse(readFileSync(join(path, 'package.json'), 'utf8'));
      const tag = (nx?.tags as string[] | undefined)?.find((each) => each.startsWith('floor:'));
      return {
        path: relative(root, path),
        name,
        floor: Number(tag?.slice('floor:'.length)),
        dependencies: { ...dependencies, ...devDependencies },
        files: sourcesIn(root, path),
      };
    });
}

function sourcesIn(root: string, folder: string): Source[] {
  return readdirSync(folder, { withFileTypes: true }).flatMap((entry) => {
    const path = join(folder, entry.name);
    if (entry.isDirectory()) return built.has(entry.name) ? [] : sourcesIn(root, path);
    if (!/\.m?ts$|\.mjs$/.test(entry.name)) return [];
    const imports = [...readFileSync(path, 'utf8').matchAll(imported)].map(([, name = '']) => name);
    return [{ path: relative(root, path), imports }];
  });
}

/** Imports by name that are not in the package.json; tests may use the root's packages. */
function undeclared({ path, name, dependencies, files }: Package): string[] {
  return files
    .filter((file) => file.path.startsWith(join(path, 'src') + sep))
    .flatMap((file) =>
      file.imports
        .map((each) => /^@tradecore\/[a-z-]+/.exec(each)?.[0] ?? name)
        .filter((each) => each !== name && !(each in dependencies))
        .map((each) => `${name}: ${relative(path, file.path)} imports ${each}, which its package.json does not name`),
    );
}

/** Imports by path into a package that is not on a lower floor. */
function upwards(from: Package, packages: readonly Package[]): string[] {
  return from.files.flatMap((file) =>
    file.imports
      .filter((each) => each.startsWith('.'))
      .flatMap((each) => {
        const target = join(dirname(file.path), each);
        const entered = packages.find(({ path }) => target.startsWith(path + sep));
        return entered === undefined || entered === from || entered.floor < from.floor
          ? []
          : [`${file.path} (floor ${from.floor}) imports ${target} (floor ${entered.floor}): down only`];
      }),
  );
}
