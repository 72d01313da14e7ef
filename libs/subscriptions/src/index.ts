export {
  On,
  Projector,
  type Appending,
  type ProjectorClass,
  type ProjectorOptions,
  type RowOf,
} from './projector.ts';
export { fold, foldAppended } from './fold.ts';
