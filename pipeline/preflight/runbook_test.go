package preflight

import (
	"go/ast"
	"go/parser"
	"go/token"
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/tidemark/tidemark/pipeline/topics"
)

// codes finds every code in the sources: Stop{Code: "…"}, refuse("…", …), and
// what package topics names.
func codes(t *testing.T) map[string]bool {
	found := map[string]bool{topics.Missing: true, topics.Unequal: true, topics.Compacted: true, topics.TooSmall: true}
	literal := func(e ast.Expr) {
		if value, ok := e.(*ast.BasicLit); ok {
			code, err := strconv.Unquote(value.Value)
			require.NoError(t, err)
			found[code] = true
		}
	}
	require.NoError(t, filepath.WalkDir("..", func(path string, _ fs.DirEntry, err error) error {
		if err != nil || !strings.HasSuffix(path, ".go") || strings.HasSuffix(path, "_test.go") {
			return err
		}
		file, err := parser.ParseFile(token.NewFileSet(), path, nil, 0)
		if err != nil {
			return err
		}
		ast.Inspect(file, func(n ast.Node) bool {
			switch n := n.(type) {
			case *ast.KeyValueExpr:
				if key, ok := n.Key.(*ast.Ident); ok && key.Name == "Code" {
					literal(n.Value)
				}
			case *ast.CallExpr:
				if f, ok := n.Fun.(*ast.SelectorExpr); ok && f.Sel.Name == "refuse" && len(n.Args) == 3 {
					literal(n.Args[0])
				}
			}
			return true
		})
		return nil
	}))
	return found
}

func TestEveryCodeHasItsPageAndEveryPageItsCode(t *testing.T) {
	runbook, err := os.ReadFile("../../docs/runbook.md")
	require.NoError(t, err)
	pages := map[string]string{}
	headings := regexp.MustCompile(`(?m)^## (.+)$`).FindAllSubmatchIndex(runbook, -1)
	for i, h := range headings {
		end := len(runbook)
		if i+1 < len(headings) {
			end = headings[i+1][0]
		}
		pages[string(runbook[h[2]:h[3]])] = string(runbook[h[1]:end])
	}
	found := codes(t)
	require.Contains(t, found, "log-replaced")
	require.Contains(t, found, "redis-durability")
	for code := range found {
		require.Regexp(t, `^[a-z-]+$`, code, "it is an anchor")
		require.Contains(t, pages, code)
	}
	for code, page := range pages {
		require.True(t, found[code], "%s is no code", code)
		require.Contains(t, page, "see docs/runbook.md#"+code+"\n```", "the page of %s shows its message", code)
		require.Contains(t, page, "**Cause.**", code)
		require.Contains(t, page, "**Remedy.**", code)
		require.Contains(t, string(runbook), "| ["+code+"](#"+code+") |")
	}
}
