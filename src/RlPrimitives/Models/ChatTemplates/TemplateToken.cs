namespace RlPrimitives.Models.ChatTemplates;

/// <summary>What a piece of a template is.</summary>
internal enum TokenKind
{
    /// <summary>Text outside of marks.</summary>
    Text,

    /// <summary>{{.</summary>
    OutputBegin,

    /// <summary>}}.</summary>
    OutputEnd,

    /// <summary>{%.</summary>
    BlockBegin,

    /// <summary>%}.</summary>
    BlockEnd,

    /// <summary>A name or keyword.</summary>
    Name,

    /// <summary>A string literal, unescaped.</summary>
    String,

    /// <summary>A whole number.</summary>
    Integer,

    /// <summary>A number with a point or exponent.</summary>
    Float,

    /// <summary>Punctuation.</summary>
    Operator,

    /// <summary>After everything.</summary>
    End,
}

/// <summary>A piece of a template.</summary>
internal readonly record struct TemplateToken(TokenKind Kind, string Text, int Line);
