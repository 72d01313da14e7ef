import { writeRoutes } from '@tradecore/api';
import { RunningCommandApi } from './running-command-api.ts';

it('the routes are those that the document of the API tells of, each with the path and the method that it says', async () => {
  const api = await RunningCommandApi.start();
  const metrics = await (await fetch(`${api.adminUrl}/metrics`)).text();
  await api.stop();
  const series = [...metrics.matchAll(/^http_requests_total\{method="(\w+)",route="(\/v1[^"]*)",status="2xx"\}/gm)];
  const served = series.map(([, method = '', route = '']) => `${method} ${route.replaceAll(/:(\w+)/g, '{$1}')}`);
  const told = writeRoutes.map(({ method, path }) => `${method.toUpperCase()} ${path}`);
  expect(served.sort()).toEqual(told.sort());
});
