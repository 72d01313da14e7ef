import type { Scene } from './scene.ts';
import { installing } from './scenes/installing.ts';
import { rolling } from './scenes/rolling.ts';
import { serverFaults } from './scenes/server-faults.ts';
import { connecting } from './scenes/connecting.ts';
import { presets } from './scenes/presets.ts';

/** In this order, on one release that lives from scene to scene. */
export const scenes: readonly Scene[] = [...presets, ...installing, ...connecting, ...rolling, ...serverFaults];

/** What no scene shows. */
export const unproven: readonly string[] = ['Redpanda itself, where a file of values lets another broker stand in for it'];
