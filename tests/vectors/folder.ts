/** The folder of the vectors, from dist/tests/vectors: among the sources, since only code is compiled. */
export const VECTORS = new URL('../../../tests/vectors/mls/', import.meta.url)
