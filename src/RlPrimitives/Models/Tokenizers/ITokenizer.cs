namespace RlPrimitives.Models.Tokenizers;

/// <summary>Text to ids and back.</summary>
public interface ITokenizer
{
    /// <summary>One more than the largest id.</summary>
    int VocabularySize { get; }

    /// <summary>Id of the beginning-of-sequence token, if the tokenizer names one.</summary>
    int? BosTokenId { get; }

    /// <summary>Id of the end-of-sequence token, if the tokenizer names one.</summary>
    int? EosTokenId { get; }

    /// <summary>Id of the padding token, if the tokenizer names one.</summary>
    int? PadTokenId { get; }

    /// <summary>The ids of <paramref name="text"/>. Special tokens written in the text become their ids.</summary>
    /// <param name="text">Any text.</param>
    /// <param name="addSpecialTokens">Also add what the tokenizer puts around a text (Llama's beginning-of-sequence).</param>
    int[] Encode(string text, bool addSpecialTokens = false);

    /// <summary>The text of <paramref name="ids"/>; cut multi-byte characters become U+FFFD.</summary>
    /// <exception cref="ArgumentOutOfRangeException">An id is outside the vocabulary.</exception>
    string Decode(ReadOnlySpan<int> ids, bool skipSpecialTokens = true);

    /// <summary>A decoder that is fed ids one by one and returns text only when its characters are whole.</summary>
    IStreamingDecoder CreateStreamingDecoder(bool skipSpecialTokens = true);
}

/// <summary>Decodes a growing sequence without ever splitting a character.</summary>
public interface IStreamingDecoder
{
    /// <summary>The text that <paramref name="id"/> completes; empty while a character is unfinished.</summary>
    string Append(int id);

    /// <summary>What is left at the end: unfinished bytes as U+FFFD.</summary>
    string Finish();
}
