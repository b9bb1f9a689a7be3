/** The version of this package; a test holds it equal to package.json, which the browser cannot read. */
export const VERSION = '0.1.0';
