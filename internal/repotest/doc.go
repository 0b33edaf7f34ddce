// Package repotest tests the repository as a whole: which packages and modules each
// package imports, how the files of a package depend on each other, the exported
// surface, and the programs in the documentation.
package repotest
