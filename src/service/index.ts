/** The service: clients over WebSocket, and what else is asked on its port. */
export { createService } from './service.ts';
export type * from './types.ts';
