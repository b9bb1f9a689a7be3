import { hostConformance } from './conformance.ts';
import { FORMS } from './support/hosts.ts';

for (const form of FORMS) hostConformance(form);
