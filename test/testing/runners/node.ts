/** The suite for the runner of Node: `node --import tsx --test test/testing/runners/node.ts`. */
import { describe, it } from 'node:test';
import { suite } from './suite.ts';

suite({ describe, it });
