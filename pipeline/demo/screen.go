package demo

import (
	"context"
	"errors"
	"fmt"
	"io"

	tea "github.com/charmbracelet/bubbletea"
	"github.com/charmbracelet/lipgloss"
)

// Screen runs the demo on a terminal, until its time is over, ctx is, or
// somebody presses q.
func Screen(ctx context.Context, o Options, in io.Reader, out io.Writer) (*Result, error) {
	ctx, quit := context.WithCancel(ctx)
	defer quit()
	program := tea.NewProgram(&screen{view: NewView(lipgloss.NewRenderer(out)), quit: quit},
		tea.WithInput(in), tea.WithOutput(out), tea.WithAltScreen(), tea.WithoutSignalHandler())
	o.Show = func(s Snapshot) { program.Send(s) }

	var result *Result
	var err error
	done := make(chan struct{})
	go func() {
		defer close(done)
		result, err = Run(ctx, o)
		program.Quit()
	}()
	_, screenErr := program.Run()
	quit() // the screen may have failed by itself
	<-done
	if screenErr != nil {
		err = errors.Join(err, fmt.Errorf("drawing the demo: %w", screenErr))
	}
	return result, err
}

// screen is the bubbletea model around a View. It only passes on: what is shown
// is the View's, and the program ends when the demo has, so that nobody stares
// at a frozen picture while the last changes are written.
type screen struct {
	view *View
	quit context.CancelFunc
}

func (s *screen) Init() tea.Cmd { return nil }

func (s *screen) Update(message tea.Msg) (tea.Model, tea.Cmd) {
	switch m := message.(type) {
	case Snapshot:
		s.view.Take(m)
	case tea.WindowSizeMsg:
		s.view.Resize(m.Width, m.Height)
	case tea.KeyMsg:
		switch m.String() {
		case "q", "esc", "ctrl+c":
			s.quit()
		}
	}
	return s, nil
}

func (s *screen) View() string { return s.view.Render() }
