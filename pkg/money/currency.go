package money

import "strings"

// Decimals is the number of digits after the point of a currency's minor unit, by ISO 4217. Codes without a minor
// unit (XAU, XDR, XXX …) are not ok: nothing can be priced in whole minor units of them.
func Decimals(code string) (digits int, ok bool) {
	d, ok := minorUnits[code]
	return int(d), ok
}

// minorUnits is list one of ISO 4217, and at its end the codes withdrawn since 2015, which an old log still holds.
var minorUnits = index(map[uint8]string{
	0: "BIF CLP DJF GNF ISK JPY KMF KRW PYG RWF UGX UYI VND VUV XAF XOF XPF" +
		" BYR",
	2: "AED AFN ALL AMD AOA ARS AUD AWG AZN BAM BBD BDT BMD BND BOB BOV BRL BSD BTN BWP BYN BZD CAD CDF CHE CHF CHW" +
		" CNY COP COU CRC CUP CVE CZK DKK DOP DZD EGP ERN ETB EUR FJD FKP GBP GEL GHS GIP GMD GTQ GYD HKD HNL HTG HUF" +
		" IDR ILS INR IRR JMD KES KGS KHR KPW KYD KZT LAK LBP LKR LRD LSL MAD MDL MGA MKD MMK MNT MOP MRU MUR MVR MWK" +
		" MXN MXV MYR MZN NAD NGN NIO NOK NPR NZD PAB PEN PGK PHP PKR PLN QAR RON RSD RUB SAR SBD SCR SDG SEK SGD SHP" +
		" SLE SOS SRD SSP STN SVC SYP SZL THB TJS TMT TOP TRY TTD TWD TZS UAH USD USN UYU UZS VED VES WST XAD XCD XCG" +
		" YER ZAR ZMW ZWG" +
		" ANG BGN CUC HRK LTL MRO SLL STD VEF ZWL",
	3: "BHD IQD JOD KWD LYD OMR TND",
	4: "CLF UYW",
})

func index(codes map[uint8]string) map[string]uint8 {
	digits := make(map[string]uint8, 200)
	for d, list := range codes {
		for code := range strings.FieldsSeq(list) {
			digits[code] = d
		}
	}
	return digits
}
