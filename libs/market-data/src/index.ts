export { MarketData } from './market-data.ts';
