package rfm_test

import (
	"bufio"
	"math"
	"os"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/tidemark/tidemark/pkg/policy"
	"github.com/tidemark/tidemark/pkg/profile"
	"github.com/tidemark/tidemark/pkg/rfm"
)

// calibrationEnd is the day up to which the published fits use the data.
var calibrationEnd = time.Date(1997, 9, 30, 0, 0, 0, 0, time.UTC).UnixMilli()

// The public sample of CDNOW, summed up, must give what is published about it.
// The likelihoods of the published fits depend on every row.
func TestCDNOW(t *testing.T) {
	path := os.Getenv("TIDEMARK_CDNOW")
	if path == "" {
		t.Skip("TIDEMARK_CDNOW is unset: the path of the CDNOW sample (master id, sample id, yyyymmdd, CDs, dollars)")
	}
	rows := summarizeCDNOW(t, path)
	require.Len(t, rows, 2357)
	// The first row of the published summary: 2, 30.43, 38.86, 22.35.
	require.Equal(t, rfm.BTYD{Frequency: 2, Recency: 213, Age: 272, RepeatAmount: 2973 + 1496}, rows["00004"])

	repeaters := 0
	bgnbd, gammaGamma := 0.0, 0.0
	for _, row := range rows {
		x, recency, age := row.Weeks()
		bgnbd += bgnbdLogLikelihood(x, recency, age, .2425945082997095, 4.413601751297209, .7929220393929122, 2.4259069412952927)
		if row.Frequency == 0 {
			require.Zero(t, row.Monetary())
			continue
		}
		repeaters++
		cents := math.Floor(row.Monetary() + .5) // the published rows have m in whole cents, halves up
		gammaGamma += gammaGammaLogLikelihood(x, cents/100, 6.248802597390074, 3.744588612974844, 15.447748421041545)
	}
	require.Equal(t, 946, repeaters)
	// Fader, Hardie & Lee 2005 print -9582.4 for BG/NBD.
	require.InDelta(t, -9582.429207, bgnbd, 1e-6)
	require.InDelta(t, -4055.923244, gammaGamma, 1e-6)
}

func summarizeCDNOW(t *testing.T, path string) map[string]rfm.BTYD {
	file, err := os.Open(path)
	require.NoError(t, err)
	defer file.Close()
	pol, customers := policy.Default(), map[string]*profile.Profile{}
	scanner := bufio.NewScanner(file)
	for line := 1; scanner.Scan(); line++ {
		columns := strings.Fields(scanner.Text())
		require.Len(t, columns, 5, "line %d", line)
		at, err := time.Parse("20060102", columns[2])
		require.NoError(t, err)
		dollars, err := strconv.ParseFloat(columns[4], 64)
		require.NoError(t, err)
		if at.UnixMilli() > calibrationEnd {
			continue
		}
		p := customers[columns[0]]
		if p == nil {
			fresh := profile.New()
			p, customers[columns[0]] = &fresh, &fresh
		}
		ev := purchase("line-"+strconv.Itoa(line), int64(math.Round(100*dollars)), at.UnixMilli())
		require.Equal(t, profile.Applied, p.Apply(&ev, ev.Time, pol))
	}
	require.NoError(t, scanner.Err())
	rows := map[string]rfm.BTYD{}
	for id, p := range customers {
		row, ok := rfm.BuyTillYouDie(p, calibrationEnd)
		require.True(t, ok)
		rows[id] = row
	}
	return rows
}

// bgnbdLogLikelihood is equation 6 of Fader, Hardie & Lee (2005), for one customer.
func bgnbdLogLikelihood(x, recency, age, r, alpha, a, b float64) float64 {
	common := lgamma(r+x) - lgamma(r) + r*math.Log(alpha) + lgamma(a+b) + lgamma(b+x) - lgamma(b) - lgamma(a+b+x)
	alive := -(r + x) * math.Log(alpha+age)
	if x == 0 {
		return common + alive
	}
	dead := math.Log(a/(b+x-1)) - (r+x)*math.Log(alpha+recency)
	return common + math.Max(alive, dead) + math.Log1p(math.Exp(-math.Abs(alive-dead)))
}

// gammaGammaLogLikelihood is equation 1a of Fader & Hardie, "The Gamma-Gamma
// Model of Monetary Value" (2013), for one customer with x repeat days.
func gammaGammaLogLikelihood(x, mean, p, q, gamma float64) float64 {
	return lgamma(p*x+q) - lgamma(p*x) - lgamma(q) + q*math.Log(gamma) +
		(p*x-1)*math.Log(mean) + p*x*math.Log(x) - (p*x+q)*math.Log(gamma+x*mean)
}

func lgamma(x float64) float64 {
	v, _ := math.Lgamma(x)
	return v
}
