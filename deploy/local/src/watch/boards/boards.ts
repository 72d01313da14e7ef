import { brokerage } from './brokerage.ts';
import { doors } from './doors.ts';
import { messaging } from './messaging.ts';
import { orders } from './orders.ts';
import { overview } from './overview.ts';
import { projections } from './projections.ts';
import { runtime } from './runtime.ts';
import { store } from './store.ts';

/** All boards, from the first look to the last. */
export const boards = [overview, doors, store, messaging, projections, orders, brokerage, runtime];
