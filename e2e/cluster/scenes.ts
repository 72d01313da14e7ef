import type { Scene } from './scene.ts';
import { installing } from './scenes/installing.ts';
import { rolling } from './scenes/rolling.ts';
import { connecting } from './scenes/connecting.ts';

/** In this order, on one release that lives from scene to scene. */
export const scenes: readonly Scene[] = [...installing, ...connecting, ...rolling];

/** What no scene shows. */
export const unproven: readonly string[] = ['Redpanda itself, where a file of values lets another broker stand in for it'];
