using System.Globalization;
using System.Text;

namespace RlPrimitives.Models;

/// <summary>JSON text: where its bytes are another library's (serde_json's in safetensors headers, Python's in chat templates), and where every bit counts.</summary>
internal static class JsonText
{
    /// <summary>The shortest text of a finite number that is read back as the same number.</summary>
    /// <remarks>.NET 10's own is not for 2⁻²⁵ and 2⁻⁹⁵⁸ (mended in its successor, dotnet/runtime#131131); a mean over tokens can well be the first.</remarks>
    public static string Number(double value)
    {
        var text = value.ToString("R", CultureInfo.InvariantCulture);
        return double.Parse(text, CultureInfo.InvariantCulture).Equals(value) ? text : value.ToString("G17", CultureInfo.InvariantCulture);
    }

    /// <summary>A string in quotes, only what JSON demands escaped.</summary>
    public static string Quote(string text)
    {
        var quoted = new StringBuilder(text.Length + 2).Append('"');
        foreach (var c in text)
        {
            _ = c switch
            {
                '"' => quoted.Append("\\\""),
                '\\' => quoted.Append("\\\\"),
                '\b' => quoted.Append("\\b"),
                '\f' => quoted.Append("\\f"),
                '\n' => quoted.Append("\\n"),
                '\r' => quoted.Append("\\r"),
                '\t' => quoted.Append("\\t"),
                < ' ' => quoted.Append(CultureInfo.InvariantCulture, $"\\u{(int)c:x4}"),
                _ => quoted.Append(c),
            };
        }

        return quoted.Append('"').ToString();
    }
}
