import { existsSync, readFileSync, readdirSync } from 'node:fs';
import { join } from 'node:path';
import { parse } from 'yaml';

interface Artifact {
  readonly image: string;
  readonly docker: { readonly dockerfile: string; readonly buildArgs?: { readonly SERVICE: string } };
}
interface Skaffold {
  readonly build: { readonly artifacts: readonly Artifact[] };
  readonly deploy: { readonly helm: { readonly releases: readonly { chartPath: string; valuesFiles: string[] }[] } };
  readonly profiles: readonly { readonly build: { readonly artifacts: readonly Artifact[] } }[];
}

const root = join(import.meta.dirname, '../..');
const skaffold = parse(readFileSync(join(root, 'skaffold.yaml'), 'utf8')) as Skaffold;
const images = skaffold.profiles.flatMap(({ build }) => build.artifacts);

describe('skaffold.yaml', () => {
  it('names existing files', () => {
    const [release] = skaffold.deploy.helm.releases;
    const paths = [...skaffold.build.artifacts, ...images].map(({ docker }) => docker.dockerfile);
    expect([...paths, release!.chartPath, ...release!.valuesFiles].filter((path) => !existsSync(join(root, path)))).toEqual([]);
  });

  it('can build one image for each service, from the one Dockerfile', () => {
    const services = images.map(({ docker }) => docker.buildArgs!.SERVICE);
    expect(services.toSorted()).toEqual(readdirSync(join(root, 'services')).toSorted());
    expect(readFileSync(join(root, 'deploy/Dockerfile'), 'utf8')).toContain('ARG SERVICE');
  });
});
