using System.Globalization;
using System.Text;

namespace RlPrimitives.Models.ChatTemplates;

/// <summary>Splits a template into tokens, white space treated as with trim_blocks and lstrip_blocks.</summary>
internal sealed class TemplateLexer
{
    private static readonly string[] Operators =
        ["==", "!=", "<=", ">=", "//", "**", "+", "-", "*", "/", "%", "~", "<", ">", "=", "(", ")", "[", "]", "{", "}", ".", ",", ":", "|"];

    private readonly string text;
    private readonly List<TemplateToken> tokens = [];
    private int at;
    private int line = 1;
    private bool atLineStart = true;

    private TemplateLexer(string text) => this.text = text;

    public static List<TemplateToken> Read(string template)
    {
        var text = template.Replace("\r\n", "\n", StringComparison.Ordinal);
        var lexer = new TemplateLexer(text.EndsWith('\n') ? text[..^1] : text);
        lexer.ReadAll();
        return lexer.tokens;
    }

    private void ReadAll()
    {
        while (at < text.Length)
        {
            var mark = NextMark();
            if (mark < 0)
            {
                Add(TokenKind.Text, text[at..]);
                break;
            }

            var kind = text[mark + 1];
            var sign = mark + 2 < text.Length ? text[mark + 2] : ' ';
            AddTextBefore(mark, kind, sign);
            line += text.AsSpan(at, mark - at).Count('\n');
            at = mark + 2 + (sign is '-' or '+' ? 1 : 0);
            if (kind == '#')
            {
                SkipComment();
            }
            else if (kind == '%' && RawEnd() is { } raw)
            {
                Add(TokenKind.Text, raw);
            }
            else
            {
                Add(kind == '{' ? TokenKind.OutputBegin : TokenKind.BlockBegin, "");
                ReadExpression(kind == '{' ? "}}" : "%}");
                Add(kind == '{' ? TokenKind.OutputEnd : TokenKind.BlockEnd, "");
            }
        }

        Add(TokenKind.End, "");
    }

    private int NextMark()
    {
        for (var i = at; i + 1 < text.Length; i++)
        {
            if (text[i] == '{' && (text[i + 1] is '{' or '%' or '#'))
            {
                return i;
            }
        }

        return -1;
    }

    private void AddTextBefore(int mark, char kind, char sign)
    {
        var before = text[at..mark];
        if (sign == '-')
        {
            before = before.TrimEnd();
        }
        else if (kind != '{' && sign != '+')
        {
            var lineStart = before.LastIndexOf('\n') + 1;
            if ((lineStart > 0 || atLineStart) && before.AsSpan(lineStart).Trim().IsEmpty)
            {
                before = before[..lineStart];
            }
        }

        if (before.Length > 0)
        {
            Add(TokenKind.Text, before);
        }
    }

    /// <summary>Behind a mark's end: its sign, and the line break or white space that goes with it.</summary>
    private void Close(char sign, bool trimsLine)
    {
        var start = at;
        if (sign == '-')
        {
            while (at < text.Length && char.IsWhiteSpace(text[at]))
            {
                at++;
            }
        }
        else if (trimsLine && sign != '+' && at < text.Length && text[at] == '\n')
        {
            at++;
        }

        line += text.AsSpan(start, at - start).Count('\n');
        atLineStart = at > start && text[at - 1] == '\n';
    }

    private void SkipComment()
    {
        var end = text.IndexOf("#}", at, StringComparison.Ordinal);
        if (end < 0)
        {
            throw Error("a comment is not closed by '#}'");
        }

        line += text.AsSpan(at, end - at).Count('\n');
        var sign = text[end - 1];
        at = end + 2;
        Close(sign, trimsLine: true);
    }

    /// <summary>The text of a raw block, with the position behind it; null where the block is another.</summary>
    private string? RawEnd()
    {
        var rest = text.AsSpan(at).TrimStart();
        if (!rest.StartsWith("raw", StringComparison.Ordinal) || !rest[3..].TrimStart().TrimStart('-').StartsWith("%}", StringComparison.Ordinal))
        {
            return null;
        }

        var begin = text.IndexOf("%}", at, StringComparison.Ordinal) + 2;
        var end = text.IndexOf("endraw", begin, StringComparison.Ordinal);
        var open = end < 0 ? -1 : text.LastIndexOf("{%", end, StringComparison.Ordinal);
        var close = end < 0 ? -1 : text.IndexOf("%}", end, StringComparison.Ordinal);
        if (open < begin || close < 0)
        {
            throw Error("a raw block is not closed by '{% endraw %}'");
        }

        var content = text[begin..open];
        at = close + 2;
        Close(text[close - 1], trimsLine: true);
        return content;
    }

    private void ReadExpression(string end)
    {
        var depth = 0;
        while (true)
        {
            while (at < text.Length && char.IsWhiteSpace(text[at]))
            {
                line += text[at++] == '\n' ? 1 : 0;
            }

            if (at >= text.Length)
            {
                throw Error($"'{end}' is missing");
            }

            var rest = text.AsSpan(at);
            if (depth == 0)
            {
                var sign = rest[0] is '-' or '+' && rest[1..].StartsWith(end, StringComparison.Ordinal) ? rest[0] : ' ';
                if (sign != ' ' || rest.StartsWith(end, StringComparison.Ordinal))
                {
                    at += end.Length + (sign == ' ' ? 0 : 1);
                    Close(sign, trimsLine: end == "%}");
                    return;
                }
            }

            if (rest[0] is '"' or '\'')
            {
                ReadString();
            }
            else if (char.IsAsciiDigit(rest[0]))
            {
                ReadNumber();
            }
            else if (char.IsLetter(rest[0]) || rest[0] == '_')
            {
                var start = at;
                while (at < text.Length && (char.IsLetterOrDigit(text[at]) || text[at] == '_'))
                {
                    at++;
                }

                Add(TokenKind.Name, text[start..at]);
            }
            else
            {
                var op = Array.Find(Operators, o => text.AsSpan(at).StartsWith(o, StringComparison.Ordinal)) ?? throw Error($"'{rest[0]}' is not expected");
                depth += op is "(" or "[" or "{" ? 1 : op is ")" or "]" or "}" ? -1 : 0;
                at += op.Length;
                Add(TokenKind.Operator, op);
            }
        }
    }

    private void ReadNumber()
    {
        var start = at;
        while (at < text.Length && (char.IsAsciiDigit(text[at]) || text[at] == '_'))
        {
            at++;
        }

        var isFloat = at + 1 < text.Length && text[at] == '.' && char.IsAsciiDigit(text[at + 1]);
        if (isFloat)
        {
            at++;
            while (at < text.Length && char.IsAsciiDigit(text[at]))
            {
                at++;
            }
        }

        Add(isFloat ? TokenKind.Float : TokenKind.Integer, text[start..at].Replace("_", "", StringComparison.Ordinal));
    }

    private void ReadString()
    {
        var quote = text[at++];
        var value = new StringBuilder();
        while (at < text.Length && text[at] != quote)
        {
            var c = text[at++];
            line += c == '\n' ? 1 : 0;
            if (c != '\\' || at >= text.Length)
            {
                value.Append(c);
                continue;
            }

            var escaped = text[at++];
            switch (escaped)
            {
                case 'n': value.Append('\n'); break;
                case 't': value.Append('\t'); break;
                case 'r': value.Append('\r'); break;
                case 'b': value.Append('\b'); break;
                case 'f': value.Append('\f'); break;
                case '\n': break;
                case '\\' or '\'' or '"': value.Append(escaped); break;
                case 'x' or 'u' or 'U':
                    var digits = escaped == 'x' ? 2 : escaped == 'u' ? 4 : 8;
                    if (at + digits > text.Length || !int.TryParse(text.AsSpan(at, digits), NumberStyles.AllowHexSpecifier, CultureInfo.InvariantCulture, out var code) || code > 0x10FFFF)
                    {
                        throw Error($"'\\{escaped}' is not followed by {digits} hexadecimal digits");
                    }

                    at += digits;
                    value.Append(code > 0xFFFF ? char.ConvertFromUtf32(code) : ((char)code).ToString());
                    break;
                default: value.Append('\\').Append(escaped); break;
            }
        }

        if (at >= text.Length)
        {
            throw Error("a string is not closed");
        }

        at++;
        Add(TokenKind.String, value.ToString());
    }

    private void Add(TokenKind kind, string value) => tokens.Add(new TemplateToken(kind, value, line));

    private ChatTemplateException Error(string what) => new(FormattableString.Invariant($"The chat template cannot be read: line {line}: {what}."));
}
