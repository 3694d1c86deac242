package money_test

import (
	"fmt"

	"github.com/tidemark/tidemark/pkg/money"
)

func ExampleRate_Convert() {
	yen, euro := 0, 2 // decimals
	rate, err := money.ParseRate("0.0061", yen, euro)
	if err != nil {
		fmt.Println(err)
		return
	}
	amount, _ := money.Parse("12500", yen)
	cents, _ := rate.Convert(amount)
	fmt.Println(string(money.Append(nil, cents, euro)))
	// Output: 76.25
}
