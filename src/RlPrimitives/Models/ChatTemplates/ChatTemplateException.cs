namespace RlPrimitives.Models.ChatTemplates;

/// <summary>A chat template that cannot be read or rendered, or that itself refuses the conversation.</summary>
public sealed class ChatTemplateException : Exception
{
    /// <summary>An error without further words.</summary>
    public ChatTemplateException()
    {
    }

    /// <summary>An error.</summary>
    /// <param name="message">What is wrong, and where in the template.</param>
    public ChatTemplateException(string message)
        : base(message)
    {
    }

    /// <summary>An error with what caused it.</summary>
    /// <param name="message">What is wrong, and where in the template.</param>
    /// <param name="innerException">The cause.</param>
    public ChatTemplateException(string message, Exception innerException)
        : base(message, innerException)
    {
    }
}
